using TunFlow.Devices.Linux;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices;

// Writes are one system call each and never wait: a TUN takes a packet or refuses it.
public sealed partial class LinuxTunDevice
{
    /// <inheritdoc/>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        if (packet.Length > _mtu)
        {
            return ValueTask.FromException(_disposed
                ? new ObjectDisposedException(nameof(LinuxTunDevice))
                : new NetworkException(NetworkError.MessageTooLarge, $"A packet of {packet.Length} bytes exceeds the MTU of {_mtu}."));
        }

        if (packet.IsEmpty)
        {
            return RejectEmpty();
        }

        return _descriptor.TryWrite(packet.Span, default) == TunWriteStatus.Closed
            ? ValueTask.FromException(ClosedException())
            : ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask WriteBatchAsync(ReadOnlyMemory<PacketBuffer> packets, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        if (_disposed)
        {
            return ValueTask.FromException(ClosedException());
        }

        foreach (ref readonly PacketBuffer packet in packets.Span)
        {
            if (!IsAcceptable(packet))
            {
                _descriptor.Counters.CountRejected();
            }
            else if (_descriptor.TryWrite(packet.Packet.Span, packet.Offload) == TunWriteStatus.Closed)
            {
                return ValueTask.FromException(ClosedException());
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>To a socket it would look like the end, and some kernels take it from a TUN as a packet.</summary>
    private ValueTask RejectEmpty()
    {
        if (_disposed || _descriptor.Failure != 0)
        {
            return ValueTask.FromException(ClosedException());
        }

        _descriptor.Counters.CountRejected();
        return ValueTask.CompletedTask;
    }

    private bool IsAcceptable(in PacketBuffer packet)
    {
        PacketOffload offload = packet.Offload;
        int limit = offload.Gso == GsoType.None ? _mtu : PacketBuffer.MaxPacketLength;
        return packet.Length > 0 && packet.Length <= limit && (offload.Required & ~SupportedOffloads) == 0;
    }

    private Exception ClosedException()
    {
        if (_disposed)
        {
            return new ObjectDisposedException(nameof(LinuxTunDevice));
        }

        int failure = _descriptor.Failure;
        return new NetworkException(NetworkError.Closed, $"The TUN '{Name}' was closed or deleted: {Errno.Describe(failure)}.", failure);
    }
}
