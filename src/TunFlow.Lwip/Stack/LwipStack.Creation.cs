using System.Security.Cryptography;
using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>From options to the native configuration.</content>
internal sealed unsafe partial class LwipStack
{
    /// <summary>A SYN that waits longer than its dial may take, plus this, is a leak; the native stack then ends it.</summary>
    private static readonly TimeSpan PendingMargin = TimeSpan.FromSeconds(5);

    /// <summary>What a queued datagram of an Ethernet-sized packet takes, with what the native stack keeps beside it.</summary>
    private const uint LikelyDatagram = 2048;

    public static LwipStack Create(LwipDeviceOptions options, IStackOwner owner)
    {
        NativeLibraryInfo.ThrowIfUnsupported();
        TfConfig config;
        NativeMethods.tf_config_default(&config);
        config.Mtu = (uint)options.Mtu;
        config.MaxFlows = (uint)options.MaxFlows;
        config.MaxPending = (uint)options.MaxPendingDials;
        config.MaxPendingSource = (uint)options.MaxPendingDialsPerSource;
        config.MaxHalfOpen = Math.Min(config.MaxHalfOpen, config.MaxFlows);
        config.MaxSessions = (uint)options.MaxSessions;
        config.ReceiveWindow = (uint)options.ReceiveWindow;
        config.FlowBytes = Math.Max(config.FlowBytes, 2 * (uint)options.ReceiveWindow);
        config.SendBuffer = (uint)options.SendBuffer;
        config.SessionDatagrams = (uint)options.SessionQueueLength;
        config.SessionBytes = Math.Max(config.SessionBytes, (uint)options.SessionQueueLength * LikelyDatagram);
        config.OutputBytes = (uint)options.OutputQueueBytes;
        config.IcmpPerSecond = (uint)options.IcmpPerSecond;
        config.MaxBytes = (ulong)options.MaxNativeBytes;
        config.PendingTimeout = StackClock.ToMicroseconds(options.DialTimeout + PendingMargin);
        config.HalfOpenTimeout = StackClock.ToMicroseconds(options.HalfOpenTimeout);
        config.HalfClosedTimeout = options.HalfClosedTimeout == Timeout.InfiniteTimeSpan
            ? NativeMethods.TF_NO_DEADLINE
            : StackClock.ToMicroseconds(options.HalfClosedTimeout);
        config.TimeWait = StackClock.ToMicroseconds(options.TimeWait);
        config.IdleTimeout = StackClock.ToMicrosecondsOrNever(options.IdleTimeout);
        config.KeepaliveInterval = StackClock.ToMicrosecondsOrNever(options.KeepAliveInterval);
        config.SessionIdle = StackClock.ToMicroseconds(options.UdpIdleTimeout);
        config.SessionDnsIdle = StackClock.ToMicroseconds(options.DnsIdleTimeout);
        config.MaxEchoes = (uint)options.MaxPendingEchoes;
        TfStackFlags flags = 0;
        if (options.EchoMode == EchoMode.Answer)
            flags |= TfStackFlags.EchoReply;
        if (options.EchoMode == EchoMode.Handle)
            flags |= TfStackFlags.EchoQueue;
        if (options.AllowMulticast)
            flags |= TfStackFlags.Multicast;
        if (!options.VerifyChecksums)
            flags |= TfStackFlags.TrustChecksums;
        if ((options.ReadOffloads & PacketOffloads.TcpSegmentation) != 0)
            flags |= TfStackFlags.Coalesce;
        config.Flags = (uint)flags;
        RandomNumberGenerator.Fill(new Span<byte>(&config.Secret, 16));
        return new LwipStack(in config, options.TimeProvider, owner);
    }

    private static NetworkException CreationFailed(int status) => status == NativeStatus.Limit
        ? new NetworkException(
            NetworkError.ResourceExhausted,
            $"All {NativeMethods.tf_stack_limit()} stacks that this build can run in one process are in use; dispose a device first.",
            status)
        : new NetworkException(NativeStatus.ToError(status), $"The native stack could not be created (status {status}).", status);
}
