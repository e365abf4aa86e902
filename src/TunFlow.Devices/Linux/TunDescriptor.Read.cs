using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices.Linux;

internal sealed unsafe partial class TunDescriptor
{
    // A kernel TUN does not fail in passing, other descriptors may. 30 errors in a row, 3 ms apart, end the device within 100 ms
    // and without a spinning thread.
    private const int MaxConsecutiveReadErrors = 30;
    private const int ReadErrorPauseMilliseconds = 3;

    /// <summary>Reads packets until there are none, an end, or <paramref name="packets"/> is full.</summary>
    /// <param name="packets">Where to; lengths and offloads are filled in.</param>
    /// <param name="status">Why it ended: Packet when the room was the limit.</param>
    /// <returns>The number of packets.</returns>
    internal int TryReadPackets(Span<NativePacket> packets, out TunReadStatus status)
    {
        int count = 0;
        status = TunReadStatus.Packet;
        while (count < packets.Length)
        {
            ref NativePacket packet = ref packets[count];
            status = TryRead(packet.Data, packet.Capacity, out packet.Length, out packet.Offload);
            if (status == TunReadStatus.Packet)
            {
                count++;
            }
            else if (status != TunReadStatus.Dropped)
            {
                break;
            }
        }

        return count;
    }

    /// <summary>Reads one packet. One that is longer than <paramref name="capacity"/> is cut.</summary>
    internal TunReadStatus TryRead(byte* data, int capacity, out int length, out PacketOffload offload)
    {
        length = 0;
        offload = default;
        VirtioHeader header;
        IoVector* vectors = stackalloc IoVector[2];
        vectors[0] = new IoVector((byte*)&header, VirtioHeader.Size);
        vectors[1] = new IoVector(data, (nuint)capacity);
        int skip = HasHeader ? 0 : 1;
        int headerSize = HasHeader ? VirtioHeader.Size : 0;
        nint result;
        try
        {
            if (_closed || _failure != 0)
            {
                return TunReadStatus.Closed;
            }

            do
            {
                result = FileCalls.Read(_handle, vectors + skip, 2 - skip);
            }
            while (result < 0 && Errno.Last == Errno.Interrupted);
        }
        catch (ObjectDisposedException)
        {
            return TunReadStatus.Closed;
        }

        if (result < 0)
        {
            return ReadFailed(Errno.Last);
        }

        if (result <= headerSize)
        {
            // End of file: of a socket, whose other end is closed. A TUN has none.
            return Fail(Errno.BrokenPipe);
        }

        _consecutiveReadErrors = 0;
        length = (int)result - headerSize;
        Counters.CountRead(length);
        if (HasHeader && !header.TryGetOffload(out offload))
        {
            Counters.CountReadDrop();
            return TunReadStatus.Dropped;
        }

        return TunReadStatus.Packet;
    }

    private TunReadStatus ReadFailed(int errno)
    {
        if (errno == Errno.TryAgain)
        {
            return TunReadStatus.WouldBlock;
        }

        // EBADFD: the interface was deleted. EFAULT: it is being deleted right now (tun_ring_recv).
        Counters.CountReadError();
        if (IsEnd(errno) || ++_consecutiveReadErrors >= MaxConsecutiveReadErrors)
        {
            return Fail(errno);
        }

        Thread.Sleep(ReadErrorPauseMilliseconds);
        return TunReadStatus.WouldBlock;
    }

    private TunReadStatus Fail(int errno)
    {
        _failure = errno;
        return TunReadStatus.Closed;
    }

    internal static bool IsEnd(int errno) =>
        errno is Errno.BadDescriptorState or Errno.BadDescriptor or Errno.NoDevice or Errno.BadAddress
            or Errno.BrokenPipe or Errno.ConnectionReset or Errno.ConnectionRefused or Errno.NotConnected;
}
