using TunFlow.Devices.Linux;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices;

// Without waiting: from the descriptor to what a reader asked for, ordinary packets or batches.
public sealed partial class LinuxTunDevice
{
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
