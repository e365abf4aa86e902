using System.Buffers;
using System.Runtime.CompilerServices;
using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>Packets in and out.</content>
public sealed unsafe partial class LwipDevice
{
    /// <summary>What is processed under one hold of the stack's lock, so that nobody waits long for it.</summary>
    private const int LongestBatch = 256 * 1024;

    private const int MostPackets = 64;

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ThrowIfPushed();
        ArgumentOutOfRangeException.ThrowIfZero(buffer.Length, nameof(buffer));
        return _reader.ReadAsync(buffer, cancellationToken);
    }

    /// <inheritdoc/>
    /// <remarks>Super-packets come out only as far as <see cref="LwipDeviceOptions.ReadOffloads"/> allows and the buffer holds them; otherwise each of their segments is a packet.</remarks>
    public ValueTask<int> ReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken = default)
    {
        ThrowIfPushed();
        ArgumentOutOfRangeException.ThrowIfZero(packets.Length, nameof(packets));
        return _reader.ReadBatchAsync(packets, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        if (IsDisposed)
            return ValueTask.FromException(Disposed());
        if (packet.Length > Mtu)
            return ValueTask.FromException(new NetworkException(NetworkError.MessageTooLarge, $"A packet of this device has at most {Mtu} bytes."));

        byte none = 0;
        fixed (byte* data = packet.Span)
        {
            TfPacket native = new() { Data = data is null ? &none : data, Length = (uint)packet.Length };
            return _stack.Input(&native, 1) ? ValueTask.CompletedTask : ValueTask.FromException(Disposed());
        }
    }

    /// <inheritdoc/>
    public ValueTask WriteBatchAsync(ReadOnlyMemory<PacketBuffer> packets, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        if (IsDisposed)
            return ValueTask.FromException(Disposed());
        ReadOnlySpan<PacketBuffer> rest = packets.Span;
        while (!rest.IsEmpty)
        {
            if (IsDisposed)
                return ValueTask.FromException(Disposed());
            rest = rest[WriteSome(rest)..];
        }

        return ValueTask.CompletedTask;
    }

    private int WriteSome(ReadOnlySpan<PacketBuffer> packets)
    {
        TfPacket* natives = stackalloc TfPacket[MostPackets];
        Pins pins = default;
        int looked = 0, count = 0, bytes = 0;
        try
        {
            for (; looked < packets.Length && count < MostPackets && bytes < LongestBatch; looked++)
            {
                ref readonly PacketBuffer packet = ref packets[looked];
                if (!CanTake(in packet))
                {
                    Interlocked.Increment(ref _context.Counters.Oversized);
                    continue;
                }

                pins[count] = packet.Memory.Pin();
                natives[count] = new TfPacket
                {
                    Data = (byte*)pins[count].Pointer,
                    Length = (uint)packet.Length,
                    Offload = OffloadConversion.ToNative(packet.Offload),
                };
                count++;
                bytes += packet.Length;
            }

            if (count > 0)
                _stack.Input(natives, count);
        }
        finally
        {
            foreach (ref MemoryHandle pin in ((Span<MemoryHandle>)pins)[..count])
                pin.Dispose();
        }

        return looked;
    }

    private bool CanTake(in PacketBuffer packet)
    {
        if ((packet.Offload.Required & ~SupportedOffloads) != 0 || packet.Length == 0)
            return false;
        return packet.Length <= (packet.Offload.Gso == GsoType.None ? Mtu : PacketBuffer.MaxPacketLength);
    }

    /// <summary>For the TUN's thread: packets in native memory, at most 256 KB of them. False when the device is gone.</summary>
    internal bool Input(TfPacket* packets, int count) => _stack.Input(packets, count);

    /// <summary>A block that packets passed to <see cref="Input"/> may lie in; null when the byte budget refuses.</summary>
    internal byte* AllocateBlock(int capacity) => _stack.AllocateBlock(capacity);

    private void ThrowIfPushed()
    {
        if (Volatile.Read(ref _pusher) is not null)
            throw new InvalidOperationException("The packets of this device go to a sink.");
    }

    [InlineArray(MostPackets)]
    private struct Pins
    {
        private MemoryHandle _first;
    }
}
