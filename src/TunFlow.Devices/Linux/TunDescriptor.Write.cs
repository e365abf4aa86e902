using System.Runtime.CompilerServices;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices.Linux;

internal sealed unsafe partial class TunDescriptor
{
    /// <summary>Writes one packet that lies in pieces of native memory.</summary>
    /// <param name="slices">The pieces. The first has <see cref="Headroom"/> writable bytes in front of it, which are overwritten.</param>
    /// <param name="length">The bytes of all pieces.</param>
    /// <param name="offload">What is left to do. The caller asks for no more than the device supports.</param>
    internal TunWriteStatus TryWrite(Span<IoVector> slices, long length, in PacketOffload offload)
    {
        fixed (IoVector* vectors = slices)
        {
            if (!HasHeader)
            {
                return Write(vectors, slices.Length, length);
            }

            IoVector first = vectors[0];
            vectors[0] = new IoVector(first.Data - VirtioHeader.Size, first.Length + VirtioHeader.Size);
            Unsafe.WriteUnaligned(vectors[0].Data, VirtioHeader.From(offload));
            TunWriteStatus status = Write(vectors, slices.Length, length);
            vectors[0] = first;
            return status;
        }
    }

    /// <summary>Writes one packet that lies in one piece.</summary>
    internal TunWriteStatus TryWrite(ReadOnlySpan<byte> packet, in PacketOffload offload)
    {
        fixed (byte* data = packet)
        {
            VirtioHeader header = HasHeader ? VirtioHeader.From(offload) : default;
            IoVector* vectors = stackalloc IoVector[2];
            vectors[0] = new IoVector((byte*)&header, VirtioHeader.Size);
            vectors[1] = new IoVector(data, (nuint)packet.Length);
            int skip = HasHeader ? 0 : 1;
            return Write(vectors + skip, 2 - skip, packet.Length);
        }
    }

    private TunWriteStatus Write(IoVector* vectors, int count, long length)
    {
        nint result;
        try
        {
            if (_closed || _failure != 0)
            {
                return TunWriteStatus.Closed;
            }

            do
            {
                result = FileCalls.Write(_handle, vectors, count);
            }
            while (result < 0 && Errno.Last == Errno.Interrupted);
        }
        catch (ObjectDisposedException)
        {
            return TunWriteStatus.Closed;
        }

        if (result >= 0)
        {
            Counters.CountWritten(length);
            return TunWriteStatus.Written;
        }

        return WriteFailed(Errno.Last);
    }

    private TunWriteStatus WriteFailed(int errno)
    {
        switch (errno)
        {
            case Errno.InputOutput:
                // The interface is down (tun_get_user): not yet up, taken down, or on its way to another namespace.
                Counters.CountInterfaceDown();
                return TunWriteStatus.Dropped;
            case Errno.TryAgain or Errno.NoBufferSpace or Errno.OutOfMemory:
                Counters.CountNoRoom();
                return TunWriteStatus.Dropped;
            case var _ when IsEnd(errno) && errno != Errno.BadAddress:
                _failure = errno;
                return TunWriteStatus.Closed;
            default:
                Counters.CountRejected();
                return TunWriteStatus.Dropped;
        }
    }
}
