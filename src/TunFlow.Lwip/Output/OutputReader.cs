using System.Runtime.CompilerServices;
using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>The pull side of the output queue: one reader at a time, packet by packet or in batches.</summary>
/// <remarks>Packets are taken out of the stack some at a time and handed over without its lock. What was taken and not handed over stays here for the next read.</remarks>
internal sealed class OutputReader : IDisposable
{
    public const int BatchSize = 64;
    private const PacketOffloads SuperPackets = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation;

    private readonly LwipStack _stack;
    private readonly FinalOutput _final;
    private volatile PacketOffloads _offloads;
    private readonly AsyncSignal _signal = new();
    private readonly nint[] _taken = new nint[BatchSize];
    private int _next;
    private int _count;
    private uint _segment;
    private int _reading;
    private bool _ended;

    public OutputReader(LwipStack stack, FinalOutput final, PacketOffloads offloads)
    {
        _stack = stack;
        _final = final;
        _offloads = offloads;
    }

    /// <summary>What batches may leave undone.</summary>
    public PacketOffloads Offloads { set => _offloads = value; }

    /// <summary>There may be packets.</summary>
    public void Wake() => _signal.Set();

    /// <summary>No packets will come beyond those in the final output.</summary>
    public void End()
    {
        Volatile.Write(ref _ended, true);
        _signal.Set();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        try
        {
            while (!Refill())
            {
                if (IsOver())
                    return 0;
                await _signal.WaitAsync(cancellationToken).ConfigureAwait(false);
            }

            return CopyPacket(buffer.Span);
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int> ReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        try
        {
            while (!Refill())
            {
                if (IsOver())
                    return 0;
                await _signal.WaitAsync(cancellationToken).ConfigureAwait(false);
            }

            return Fill(packets.Span);
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }

    private void Begin(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Interlocked.CompareExchange(ref _reading, 1, 0) != 0)
            throw new InvalidOperationException("Another read is pending on this device.");
    }

    private bool IsOver()
    {
        // Once more after the end is seen: the last packets were stored before it.
        return Volatile.Read(ref _ended) && !Refill();
    }

    private unsafe bool Refill()
    {
        if (_next < _count)
            return true;
        _next = 0;
        _segment = 0;
        fixed (nint* taken = _taken)
        {
            TfOutput** entries = (TfOutput**)taken;
            _count = _stack.TakeOutput(entries, BatchSize);
            if (_count == 0)
                _count = _final.Take(entries, BatchSize);
        }

        return _count > 0;
    }

    private unsafe int Fill(Span<PacketBuffer> packets)
    {
        int filled = 0;
        while (filled < packets.Length && Refill())
        {
            ref PacketBuffer packet = ref packets[filled++];
            TfOutput* entry = (TfOutput*)_taken[_next];
            if (_segment == 0 && CanHandOver(entry, packet.Memory.Length))
            {
                packet.Length = CopyWhole(entry, packet.Memory.Span);
                packet.Offload = OffloadConversion.FromNative(in entry->Offload);
                Advance();
            }
            else
            {
                packet.Length = CopyPacket(packet.Memory.Span);
                packet.Offload = default;
            }
        }

        return filled;
    }

    private unsafe bool CanHandOver(TfOutput* entry, int capacity)
    {
        PacketOffloads needed = entry->Packets > 1 ? SuperPackets
            : entry->Offload.Checksum == (byte)TfChecksum.Partial ? PacketOffloads.Checksum
            : PacketOffloads.None;
        return (needed & ~_offloads) == 0 && entry->Length <= (uint)capacity;
    }

    private static unsafe int CopyWhole(TfOutput* entry, Span<byte> buffer)
    {
        int length = 0;
        foreach (ref readonly TfSlice slice in ((ReadOnlySpan<TfSlice>)entry->Slices)[..(int)entry->SliceCount])
        {
            new ReadOnlySpan<byte>(slice.Data, (int)slice.Length).CopyTo(buffer[length..]);
            length += (int)slice.Length;
        }

        return length;
    }

    private unsafe int CopyPacket(Span<byte> buffer)
    {
        TfOutput* entry = (TfOutput*)_taken[_next];
        int length;
        fixed (byte* pointer = buffer)
            length = NativeMethods.tf_output_copy(entry, _segment, pointer, (uint)buffer.Length);
        if (++_segment >= entry->Packets)
            Advance();
        return Math.Min(length, buffer.Length);
    }

    private unsafe void Advance()
    {
        TfOutput* entry = (TfOutput*)_taken[_next];
        NativeMethods.tf_output_free(&entry, 1);
        _taken[_next++] = 0;
        _segment = 0;
    }

    /// <summary>Frees what was taken and not read, because a sink takes the output from now on and nobody may read for long. No read may be running.</summary>
    public void Drop()
    {
        if (Interlocked.CompareExchange(ref _reading, 1, 0) != 0)
            return;
        while (_next < _count)
            Advance();
        Volatile.Write(ref _reading, 0);
    }

    /// <summary>Frees what was taken and not read. No read may be running.</summary>
    public void Dispose()
    {
        while (_next < _count)
            Advance();
        GC.SuppressFinalize(this);
    }

    ~OutputReader()
    {
        Dispose();
    }
}
