using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.Logging;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>Limits and times of an <see cref="LwipDevice"/>. All limits are hard; byte limits count allocated memory, not payload. Immutable: a device keeps the record it was made with.</summary>
public sealed record LwipDeviceOptions
{
    /// <summary>The largest IP packet in bytes, 576 to 65,535. Below 1,280 IPv6 is not served (RFC 8200 section 5). Default 1,500.</summary>
    public int Mtu { get; init; } = 1500;

    /// <summary>When a SYN is answered, unless the <see cref="Policy"/> says otherwise for a flow. Default: after the dial succeeded.</summary>
    public AcceptMode AcceptMode { get; init; } = AcceptMode.DialFirst;

    /// <summary>Decides about each flow before it is answered. Default null: every flow goes to the device's dialer or packet proxy.</summary>
    public FlowPolicy? Policy { get; init; }

    /// <summary>Endpoints that only the tunnel's own proxy connections go to. A flow to one of them that comes out of the TUN is such a connection gone astray, which would loop for ever: it is refused, counted, and the first one logged. Default: none.</summary>
    public IReadOnlyCollection<IPEndPoint> ProxyEndPoints { get; init; } = [];

    /// <summary>How long <see cref="AcceptMode.DialAtFirstPayload"/> waits for the application to speak before it dials anyway. Default 1 second, at most 1 minute.</summary>
    public TimeSpan FirstPayloadTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long policy and dial together may take before the application's connection attempt is reset. Default 10 seconds, at most 10 minutes.</summary>
    public TimeSpan DialTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long after both sides ended a flow its last bytes may still be delivered in the background before the rest is given up with an RST. Also bounds the delivery of what came in front of an upstream's error. Default 30 seconds.</summary>
    public TimeSpan LingerTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A SYN that was answered waits this long for the handshake's end. Default 10 seconds, at most 10 minutes.</summary>
    public TimeSpan HalfOpenTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a port pair stays reserved after this side closed it first (TIME_WAIT, RFC 9293 section 3.6.1). Short, because the other side is on this machine and no segment wanders about. Default 2 seconds, at most 2 minutes.</summary>
    public TimeSpan TimeWait { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// A flow one side of which has ended is reset once no byte has moved in it, in either direction, for this long: the application, or its server, is gone or
    /// has forgotten it. An application that reads slowly is spared while it answers, and so is every transfer that goes on, however long it takes.
    /// Default 5 minutes (RFC 5382 section 5 asks for 4 at least); <see cref="Timeout.InfiniteTimeSpan"/> never resets one.
    /// </summary>
    public TimeSpan HalfClosedTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>An established flow without traffic for this long is reset. Default: never (<see cref="Timeout.InfiniteTimeSpan"/>).</summary>
    public TimeSpan IdleTimeout { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>An established flow without traffic for this long is probed, so that flows of applications that vanished end. Default 2 hours (RFC 9293 section 3.8.4); <see cref="Timeout.InfiniteTimeSpan"/> turns probes off.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromHours(2);

    /// <summary>A UDP session without traffic in either direction for this long ends. Default 60 seconds. A proxy may end it earlier by a limit of its own (<see cref="PacketListenerProxyOptions.WriteIdleTimeout"/>: 30 seconds without sending); the next datagram opens another session.</summary>
    public TimeSpan UdpIdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The same for a session that asked at port 53 only, counted from when all its questions were answered; before that <see cref="UdpIdleTimeout"/> holds. Default 10 seconds.</summary>
    public TimeSpan DnsIdleTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>TCP flows in any state, those being dialled included; at most 4,194,304. Default 65,536.</summary>
    public int MaxFlows { get; init; } = 65_536;

    /// <summary>
    /// Flows being dialled at once; further connection attempts are dropped and repeated by the application's TCP. Sources that have not completed a handshake
    /// in the last ten minutes share half of these places, and as many new connections a second (at least 100), so that a flood of made-up sources leaves the
    /// rest to the real ones. Where <see cref="AcceptMode"/> answers first, flows wait for a place instead. Default 1,024.
    /// </summary>
    public int MaxPendingDials { get; init; } = 1024;

    /// <summary>Of these, flows of one source address. Default 256.</summary>
    public int MaxPendingDialsPerSource { get; init; } = 256;

    /// <summary>UDP sessions; beyond it the least recently used one makes room; at most 1,048,576. Default 4,096.</summary>
    public int MaxSessions { get; init; } = 4096;

    /// <summary>The largest receive window of a flow in bytes, 16 KiB to 1 MiB. Default 512 KiB.</summary>
    public int ReceiveWindow { get; init; } = 512 * 1024;

    /// <summary>Bytes that a flow may hold unacknowledged on the way to the application, 16 KiB to 1 MiB. Default 512 KiB.</summary>
    public int SendBuffer { get; init; } = 512 * 1024;

    /// <summary>Everything the native stack allocates, in bytes, at least 4 MiB. Default 256 MiB.</summary>
    public long MaxNativeBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>Datagrams that may wait in a session, for instance while it is being opened. Default 512.</summary>
    public int SessionQueueLength { get; init; } = 512;

    /// <summary>Bytes that may wait in <see cref="LwipDevice.ReadAsync"/>'s queue; what does not fit is dropped and counted, and TCP sends it again. At least 128 KiB. Default 4 MiB.</summary>
    public int OutputQueueBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>ICMP messages, and challenge acknowledgments (RFC 5961 section 7), sent per second, each. Default 100.</summary>
    public int IcmpPerSecond { get; init; } = 100;

    /// <summary>What becomes of the applications' ICMP and ICMPv6 echo requests. Default: dropped and counted.</summary>
    public EchoMode EchoMode { get; init; } = EchoMode.Drop;

    /// <summary>Decides about each echo request if <see cref="EchoMode"/> is <see cref="EchoMode.Handle"/>, and is null otherwise. Default null.</summary>
    public EchoHandler? EchoHandler { get; init; }

    /// <summary>Echo messages that wait for the <see cref="EchoHandler"/>'s answer at once; more are dropped and counted. 1 to 65,536. Default 256.</summary>
    public int MaxPendingEchoes { get; init; } = 256;

    /// <summary>How long the <see cref="EchoHandler"/> may take; then there is no answer. Default 10 seconds, at most 10 minutes.</summary>
    public TimeSpan EchoTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Whether datagrams to multicast groups and to 255.255.255.255 open sessions as others do; policy and packet proxy see the group as their destination. Answers
    /// carry a member's own address as their source; one that claims to come from a group is refused. Default false: they are dropped and
    /// counted, as are TCP and echo requests to such addresses in any case, and fragments of datagrams to IPv6 groups.
    /// </summary>
    public bool AllowMulticast { get; init; }

    /// <summary>Whether TCP and UDP checksums of written packets are verified, except where the device vouches for them. Default true. IP header checksums are always.</summary>
    public bool VerifyChecksums { get; init; } = true;

    /// <summary>What packets from <see cref="LwipDevice.ReadBatchAsync"/> may leave undone. Ask for what the device that takes them supports. Default none: complete packets no larger than <see cref="Mtu"/>.</summary>
    public PacketOffloads ReadOffloads { get; init; }

    /// <summary>The source of time for timers and the stack's clock. Default <see cref="TimeProvider.System"/>.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Makes the logger <c>TunFlow.Lwip</c>, and <c>TunFlow</c> of a tunnel: failed dials and sessions at Debug, exceptions of the application's code at Error; never payload. Default null: nothing is logged.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>Makes the meter <see cref="LwipDevice.MeterName"/>, see docs/diagnostics.md. Default null: the device makes its own, which listeners find by that name.</summary>
    public IMeterFactory? MeterFactory { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range; the parameter name is the property's.</exception>
    /// <exception cref="ArgumentNullException"><see cref="TimeProvider"/> or <see cref="ProxyEndPoints"/> is null.</exception>
    /// <exception cref="ArgumentException">One of <see cref="ProxyEndPoints"/> is null, or <see cref="EchoHandler"/> is missing or would never be asked.</exception>
    public void Validate()
    {
        ArgumentNullException.ThrowIfNull(TimeProvider);
        ArgumentNullException.ThrowIfNull(ProxyEndPoints);
        if (ProxyEndPoints.Contains(null!))
            throw new ArgumentException("An endpoint is null.", nameof(ProxyEndPoints));
        InRange(Mtu, 576, 65_535, nameof(Mtu));
        InRange(DialTimeout, TimeSpan.FromMinutes(10), nameof(DialTimeout));
        if (!Enum.IsDefined(AcceptMode))
            throw new ArgumentOutOfRangeException(nameof(AcceptMode), AcceptMode, "There is no such mode.");
        if (!Enum.IsDefined(EchoMode))
            throw new ArgumentOutOfRangeException(nameof(EchoMode), EchoMode, "There is no such mode.");
        if (EchoMode == EchoMode.Handle != EchoHandler is not null)
            throw new ArgumentException("A handler of echo requests and the mode that asks it need each other.", nameof(EchoHandler));
        InRange(FirstPayloadTimeout, TimeSpan.FromMinutes(1), nameof(FirstPayloadTimeout));
        InRange(HalfOpenTimeout, TimeSpan.FromMinutes(10), nameof(HalfOpenTimeout));
        InRange(TimeWait, TimeSpan.FromMinutes(2), nameof(TimeWait));
        InRange(LingerTimeout, TimeSpan.FromMinutes(10), nameof(LingerTimeout));
        InRange(UdpIdleTimeout, TimeSpan.FromDays(1), nameof(UdpIdleTimeout));
        InRange(DnsIdleTimeout, TimeSpan.FromDays(1), nameof(DnsIdleTimeout));
        InRangeOrInfinite(HalfClosedTimeout, nameof(HalfClosedTimeout));
        InRangeOrInfinite(IdleTimeout, nameof(IdleTimeout));
        InRangeOrInfinite(KeepAliveInterval, nameof(KeepAliveInterval));
        InRange(MaxFlows, 1, 1 << 22, nameof(MaxFlows));
        InRange(MaxPendingDials, 1, MaxFlows, nameof(MaxPendingDials));
        InRange(MaxPendingDialsPerSource, 1, Math.Min(MaxPendingDials, 65_535), nameof(MaxPendingDialsPerSource));
        InRange(MaxSessions, 1, 1 << 20, nameof(MaxSessions));
        InRange(ReceiveWindow, 16 * 1024, 1024 * 1024, nameof(ReceiveWindow));
        InRange(SendBuffer, 16 * 1024, 1024 * 1024, nameof(SendBuffer));
        InRange(MaxNativeBytes, 4 * 1024 * 1024, long.MaxValue, nameof(MaxNativeBytes));
        InRange(SessionQueueLength, 1, 65_536, nameof(SessionQueueLength));
        InRange(OutputQueueBytes, 128 * 1024, int.MaxValue, nameof(OutputQueueBytes));
        InRange(IcmpPerSecond, 1, 1_000_000, nameof(IcmpPerSecond));
        InRange(MaxPendingEchoes, 1, 65_536, nameof(MaxPendingEchoes));
        InRange(EchoTimeout, TimeSpan.FromMinutes(10), nameof(EchoTimeout));
        const PacketOffloads known = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation;
        if ((ReadOffloads & ~known) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(ReadOffloads), ReadOffloads, "Only checksum and TCP segmentation offload are produced.");
        }
    }

    private static void InRange(long value, long least, long most, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, least, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most, name);
    }

    private static void InRange(TimeSpan value, TimeSpan most, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.FromMilliseconds(1), name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most, name);
    }

    private static void InRangeOrInfinite(TimeSpan value, string name)
    {
        if (value != Timeout.InfiniteTimeSpan)
            InRange(value, TimeSpan.FromDays(365), name);
    }
}
