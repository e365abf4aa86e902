using System.Runtime.CompilerServices;
using TunFlow.Devices.Linux;
using TunFlow.Devices.Linux.Native;
using TunFlow.Devices.Offload;
using TunFlow.Network;

namespace TunFlow.Devices;

// One read at a time: _reading is the token, and whoever holds it owns the fields below. A read tries the descriptor first and only waits
// if there is nothing, so a reader that keeps up with a busy device makes one system call a packet and no thread hop.
public sealed partial class LinuxTunDevice
{
    private const int Reading = 1;
    private const int Claimed = 2;

    private readonly TcpSegmenter _segmenter = new();
    private byte[]? _superPacket;
    private int _reading;

    /// <inheritdoc/>
    /// <remarks>Always whole, ordinary packets: super-packets are cut, and partial checksums completed, in software. Readers who can take offloads use <see cref="ReadBatchAsync"/>.</remarks>
    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!TryBeginRead(cancellationToken, out ValueTask<int> refused))
        {
            return refused;
        }

        try
        {
            TunReadStatus status = TryReadOne(buffer, out int length);
            return status == TunReadStatus.WouldBlock ? ReadSlowAsync(buffer, cancellationToken) : EndRead(length);
        }
        catch (Exception exception)
        {
            return EndRead(exception);
        }
    }

    /// <inheritdoc/>
    public ValueTask<int> ReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken = default)
    {
        if (!TryBeginRead(cancellationToken, out ValueTask<int> refused))
        {
            return refused;
        }

        try
        {
            ArgumentOutOfRangeException.ThrowIfZero(packets.Length, nameof(packets));
            int count = TryReadMany(packets.Span, out TunReadStatus status);
            return count == 0 && status == TunReadStatus.WouldBlock ? ReadBatchSlowAsync(packets, cancellationToken) : EndRead(count);
        }
        catch (Exception exception)
        {
            return EndRead(exception);
        }
    }

    /// <summary>Takes the reading side for good: from now on only the caller reads, through <see cref="Descriptor"/>.</summary>
    internal TunDescriptor ClaimReader()
    {
        if (Interlocked.CompareExchange(ref _reading, Claimed, 0) != 0)
        {
            throw new InvalidOperationException("Another read of the device is pending.");
        }

        return _descriptor;
    }

    /// <summary>Gives the reading side back.</summary>
    internal void ReleaseReader() => Volatile.Write(ref _reading, 0);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadSlowAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await WaitReadableAsync(cancellationToken).ConfigureAwait(false);
                if (TryReadOne(buffer, out int length) != TunReadStatus.WouldBlock)
                {
                    return length;
                }
            }
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadBatchSlowAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await WaitReadableAsync(cancellationToken).ConfigureAwait(false);
                int count = TryReadMany(packets.Span, out TunReadStatus status);
                if (count != 0 || status != TunReadStatus.WouldBlock)
                {
                    return count;
                }
            }
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }

    private bool TryBeginRead(CancellationToken cancellationToken, out ValueTask<int> refused)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            refused = ValueTask.FromCanceled<int>(cancellationToken);
            return false;
        }

        int before = Interlocked.CompareExchange(ref _reading, Reading, 0);
        refused = before switch
        {
            0 => default,
            Claimed => ValueTask.FromException<int>(new InvalidOperationException("The device is read by a tunnel.")),
            _ => ValueTask.FromException<int>(new InvalidOperationException("Another read of the device is pending.")),
        };
        return before == 0;
    }

    private ValueTask<int> EndRead(int result)
    {
        Volatile.Write(ref _reading, 0);
        return ValueTask.FromResult(result);
    }

    private ValueTask<int> EndRead(Exception exception)
    {
        Volatile.Write(ref _reading, 0);
        return ValueTask.FromException<int>(exception);
    }

    private ValueTask WaitReadableAsync(CancellationToken cancellationToken)
    {
        TunReadiness? readiness = Volatile.Read(ref _readiness);
        if (readiness is null)
        {
            lock (_lifetime)
            {
                if (_disposed)
                {
                    return ValueTask.CompletedTask; // the next look at the descriptor says that it is closed
                }

                readiness = _readiness ??= new TunReadiness(_descriptor, Name.Length == 0 ? "device" : Name);
            }
        }

        return readiness.WaitAsync(cancellationToken);
    }

    /// <summary>One ordinary packet. Never Dropped; Closed comes with length 0 or, for a device that failed, as an exception.</summary>
    private unsafe TunReadStatus TryReadOne(Memory<byte> buffer, out int length)
    {
        while (!TryTakeSegment(buffer, out length))
        {
            TunReadStatus status;
            PacketOffload offload = default;
            if (SupportedOffloads == PacketOffloads.None)
            {
                fixed (byte* data = buffer.Span)
                {
                    status = _descriptor.TryRead(data, buffer.Length, out length, out _);
                }

                length = Math.Min(length, buffer.Length);
            }
            else
            {
                status = TryReadSuperPacket(buffer, out length, out offload);
            }

            switch (status)
            {
                case TunReadStatus.Packet when offload.Gso == GsoType.None:
                    return status;
                case TunReadStatus.Closed:
                    ThrowIfFailed();
                    length = 0;
                    return status;
                case TunReadStatus.WouldBlock:
                    return status;
                default:
                    break; // a super-packet to take segments from, or a packet that was dropped
            }
        }

        return TunReadStatus.Packet;
    }

    /// <summary>Reads by way of the internal buffer, which holds any super-packet. Ordinary packets end up in <paramref name="buffer"/>, complete.</summary>
    private unsafe TunReadStatus TryReadSuperPacket(Memory<byte> buffer, out int length, out PacketOffload offload)
    {
        _superPacket ??= GC.AllocateUninitializedArray<byte>(PacketBuffer.MaxPacketLength);
        TunReadStatus status;
        fixed (byte* data = _superPacket)
        {
            status = _descriptor.TryRead(data, _superPacket.Length, out length, out offload);
        }

        if (status != TunReadStatus.Packet)
        {
            return status;
        }

        Memory<byte> packet = _superPacket.AsMemory(0, length);
        bool valid = offload.Gso != GsoType.None
            ? _segmenter.TryBegin(packet, offload)
            : offload.Checksum != ChecksumState.Partial || PartialChecksum.TryComplete(packet.Span, offload);
        if (!valid)
        {
            _descriptor.Counters.CountReadDrop();
            return TunReadStatus.Dropped;
        }

        if (offload.Gso == GsoType.None)
        {
            length = Math.Min(length, buffer.Length);
            packet.Span[..length].CopyTo(buffer.Span);
        }

        return status;
    }

    private bool TryTakeSegment(Memory<byte> buffer, out int length)
    {
        length = 0;
        if (!_segmenter.HasSegments || _disposed)
        {
            return false;
        }

        ReadOnlySpan<byte> segment = _segmenter.Next().Span;
        length = Math.Min(segment.Length, buffer.Length);
        segment[..length].CopyTo(buffer.Span);
        return true;
    }

    private unsafe int TryReadMany(Span<PacketBuffer> packets, out TunReadStatus status)
    {
        int limit = Math.Min(packets.Length, MaxBatch);
        int count = 0;
        status = TunReadStatus.Packet;
        while (count < limit)
        {
            ref PacketBuffer packet = ref packets[count];
            int length;
            PacketOffload offload = default;
            if (TryTakeSegment(packet.Memory, out length))
            {
                // Left over from plain reads.
                status = TunReadStatus.Packet;
            }
            else
            {
                fixed (byte* data = packet.Memory.Span)
                {
                    status = _descriptor.TryRead(data, packet.Memory.Length, out length, out offload);
                }
            }

            if (status == TunReadStatus.Packet)
            {
                packet.Length = Math.Min(length, packet.Memory.Length);
                packet.Offload = offload;
                count++;
            }
            else if (status != TunReadStatus.Dropped)
            {
                break;
            }
        }

        if (count == 0 && status == TunReadStatus.Closed)
        {
            ThrowIfFailed();
        }

        return count;
    }

    /// <summary>A device that was deleted is closed, and reads return 0; one whose reads keep failing has failed.</summary>
    private void ThrowIfFailed()
    {
        int failure = _descriptor.Failure;
        if (!_disposed && failure != 0 && Errno.Classify(failure) != NetworkError.Closed && !TunDescriptor.IsEnd(failure))
        {
            throw Errno.Exception(failure, $"Reading from the TUN '{Name}' failed");
        }
    }
}
