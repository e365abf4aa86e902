using System.Buffers;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>A bounded queue of packets in pooled buffers: any number of writers that never wait, one reader that does.</summary>
/// <param name="capacity">How many packets it holds; more are dropped and counted.</param>
internal sealed class PacketQueue(int capacity)
{
    private static readonly Action<object?> s_wake = static state => ((PacketQueue)state!).WakeReader();

    private readonly Lock _lock = new();
    private readonly PacketBuffer[] _ring = new PacketBuffer[capacity];
    private readonly byte[]?[] _arrays = new byte[]?[capacity];
    private readonly ReadSignal _signal = new();
    private int _head;
    private int _count;
    private long _dropped;
    private volatile bool _completed;
    private Exception? _error;
    private bool _reading;

    /// <summary>Packets that did not fit.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>No packets can be added any more.</summary>
    public bool IsCompleted => _completed;

    /// <summary>Adds a packet, or drops and counts it.</summary>
    /// <returns>False if the queue is completed.</returns>
    public bool TryWrite(ReadOnlySpan<byte> packet, PacketOffload offload) => TryWrite(packet, offload, out _);

    /// <summary>Adds a packet, or drops and counts it.</summary>
    /// <param name="packet">The packet; copied.</param>
    /// <param name="offload">What was left undone in it.</param>
    /// <param name="added">Whether there was room.</param>
    /// <returns>False if the queue is completed.</returns>
    public bool TryWrite(ReadOnlySpan<byte> packet, PacketOffload offload, out bool added)
    {
        added = false;
        bool wake;
        lock (_lock)
        {
            if (_completed)
            {
                return false;
            }

            if (_count == capacity)
            {
                _dropped++;
                return true;
            }

            byte[] array = ArrayPool<byte>.Shared.Rent(packet.Length);
            packet.CopyTo(array);
            int tail = (_head + _count) % capacity;
            _arrays[tail] = array;
            _ring[tail] = new PacketBuffer(array, packet.Length, offload);
            _count++;
            added = true;
            wake = _signal.TakeWaiter();
        }

        if (wake)
        {
            _signal.Wake();
        }

        return true;
    }

    /// <summary>Ends the queue: what is in it can still be read, unless it is discarded.</summary>
    /// <param name="discard">Whether what is in it is dropped.</param>
    /// <param name="error">What reads throw at the end, instead of returning 0. Discarding forgets it.</param>
    public void Complete(bool discard, Exception? error = null)
    {
        bool wake;
        lock (_lock)
        {
            _error = discard || _completed ? null : error;
            _completed = true;
            while (discard && _count > 0)
            {
                ArrayPool<byte>.Shared.Return(RemoveHead(out _));
            }

            wake = _signal.TakeWaiter();
        }

        if (wake)
        {
            _signal.Wake();
        }
    }

    /// <summary>Copies one packet out; 0 at the end of the queue.</summary>
    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        ArgumentOutOfRangeException.ThrowIfZero(buffer.Length, nameof(buffer));
        lock (_lock)
        {
            ThrowIfReading();
            if (TryTakeComplete(buffer, out int length))
            {
                return ValueTask.FromResult(length);
            }

            if (_completed)
            {
                return _error is null ? ValueTask.FromResult(0) : ValueTask.FromException<int>(_error);
            }

            _reading = true;
        }

        return WaitAndReadAsync(buffer, cancellationToken);
    }

    /// <summary>Copies as many packets out as are there, at least one; 0 at the end of the queue.</summary>
    public ValueTask<int> ReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        ArgumentOutOfRangeException.ThrowIfZero(packets.Length, nameof(packets));
        lock (_lock)
        {
            ThrowIfReading();
            int taken = TakeBatch(packets.Span);
            if (taken > 0 || _completed)
            {
                return taken > 0 || _error is null ? ValueTask.FromResult(taken) : ValueTask.FromException<int>(_error);
            }

            _reading = true;
        }

        return WaitAndReadBatchAsync(packets, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> WaitAndReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await WaitAsync(cancellationToken).ConfigureAwait(false);
                lock (_lock)
                {
                    if (TryTakeComplete(buffer, out int length))
                    {
                        return length;
                    }

                    if (_completed)
                    {
                        return _error is null ? 0 : throw _error;
                    }
                }

                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            lock (_lock)
            {
                _reading = false;
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> WaitAndReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await WaitAsync(cancellationToken).ConfigureAwait(false);
                lock (_lock)
                {
                    int taken = TakeBatch(packets.Span);
                    if (taken > 0 || _completed)
                    {
                        return taken > 0 || _error is null ? taken : throw _error;
                    }
                }

                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            lock (_lock)
            {
                _reading = false;
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        ValueTask wait;
        lock (_lock)
        {
            if (_count > 0 || _completed || !_signal.TryStartWait(out wait))
            {
                return;
            }
        }

        // The callback only wakes; the reader finds out by itself why, so a packet that came first isn't lost.
        using (cancellationToken.UnsafeRegister(s_wake, this))
        {
            await wait.ConfigureAwait(false);
        }
    }

    private void WakeReader()
    {
        bool wake;
        lock (_lock)
        {
            wake = _signal.TakeWaiter();
        }

        if (wake)
        {
            _signal.Wake();
        }
    }

    private void ThrowIfReading()
    {
        if (_reading)
        {
            throw new InvalidOperationException("Another read is pending.");
        }
    }

    private int TakeBatch(Span<PacketBuffer> packets)
    {
        int taken = 0;
        while (taken < packets.Length && TryTake(packets[taken].Memory, out int length, out PacketOffload offload))
        {
            packets[taken].Length = length;
            packets[taken].Offload = offload;
            taken++;
        }

        return taken;
    }

    /// <summary>Skips packets that a reader who isn't told of their offload would misunderstand.</summary>
    private bool TryTakeComplete(Memory<byte> buffer, out int length)
    {
        while (TryTake(buffer, out length, out PacketOffload offload))
        {
            if (offload.Required == PacketOffloads.None)
            {
                return true;
            }

            _dropped++;
        }

        return false;
    }

    private bool TryTake(Memory<byte> buffer, out int length, out PacketOffload offload)
    {
        length = 0;
        offload = default;
        if (_count == 0)
        {
            return false;
        }

        byte[] array = RemoveHead(out PacketBuffer packet);
        length = Math.Min(packet.Length, buffer.Length);
        packet.Memory.Span[..length].CopyTo(buffer.Span);
        offload = packet.Offload;
        ArrayPool<byte>.Shared.Return(array);
        return true;
    }

    private byte[] RemoveHead(out PacketBuffer packet)
    {
        byte[] array = _arrays[_head]!;
        packet = _ring[_head];
        _arrays[_head] = null;
        _ring[_head] = default;
        _head = (_head + 1) % capacity;
        _count--;
        return array;
    }
}
