using System.Buffers;

namespace TunFlow.Network;

/// <summary>One direction of an <see cref="ImpairmentDevice"/>: decides what happens to each packet, and keeps those that are on their way.</summary>
/// <remarks>
/// <para>Every packet is copied and queued under the moment at which it is due, also one that is due at once, and packets of one moment keep their order. So there is
/// one way out, taken by one thread at a time: whoever holds the drain (<see cref="TryTakeDue"/>) until nothing is due.</para>
/// <para>What is not picked for reordering is never due before a packet in front of it.</para>
/// </remarks>
internal sealed class ImpairedLink
{
    private readonly LinkImpairment _impairment;
    private readonly FateSource _fates;
    private readonly TokenBucket? _rate;
    private readonly int _maxPackets;
    private readonly int _maxBytes;
    private readonly long _delay;
    private readonly long _jitter;
    private readonly long _reorderDelay;

    private readonly Lock _lock = new();
    private readonly WirePackets _wire = new();
    private readonly PriorityQueue<DelayedPacket, (long Due, long Number)> _queue = new();
    private Counts _counts;
    private TaskCompletionSource? _idle;
    private long _number;
    private long _lastOffered = long.MinValue;
    private long _lastDue = long.MinValue;
    private long _queuedBytes;
    private long _taken;
    private bool _draining;
    private bool _closed;

    public ImpairedLink(LinkImpairment impairment, ImpairmentOptions options, ulong seed)
    {
        long frequency = options.TimeProvider.TimestampFrequency;
        _impairment = impairment;
        _fates = new FateSource(impairment, seed);
        _rate = impairment.BytesPerSecond is { } rate ? new TokenBucket(rate, impairment.BurstBytes, impairment.QueueBytes, frequency) : null;
        _maxPackets = options.MaxDelayedPackets;
        _maxBytes = options.MaxDelayedBytes;
        _delay = Ticks(impairment.Delay, frequency);
        _jitter = Ticks(impairment.Jitter, frequency);
        _reorderDelay = Ticks(impairment.ReorderDelay, frequency);
    }

    /// <summary>When somebody has to look for due packets; <see cref="long.MaxValue"/> if none is on its way, or somebody drains: he looks again, and then asks this.</summary>
    public long NextDue
    {
        get
        {
            lock (_lock)
            {
                return !_draining && _queue.TryPeek(out _, out (long Due, long Number) priority) ? priority.Due : long.MaxValue;
            }
        }
    }

    /// <summary>How many packets are on their way and not taken yet.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _queue.Count;
            }
        }
    }

    /// <summary>Whether packets are on their way.</summary>
    public bool IsBusy
    {
        get
        {
            lock (_lock)
            {
                return _draining || _queue.Count > 0;
            }
        }
    }

    public LinkImpairmentStatistics Snapshot()
    {
        lock (_lock)
        {
            return new LinkImpairmentStatistics
            {
                Packets = _counts.Packets,
                Bytes = _counts.Bytes,
                Lost = _counts.Lost,
                LostInBursts = _counts.LostInBursts,
                Corrupted = _counts.Corrupted,
                Duplicated = _counts.Duplicated,
                Reordered = _counts.Reordered,
                Delayed = _counts.Delayed,
                Delivered = _counts.Delivered,
                InFlight = _queue.Count + _taken,
                DroppedByRate = _counts.DroppedByRate,
                DroppedByLimit = _counts.DroppedByLimit,
                DroppedAtEnd = _counts.DroppedAtEnd,
                DroppedByClosing = _counts.DroppedByClosing,
            };
        }
    }

    /// <summary>Takes a packet in: all that a wire would see of it.</summary>
    /// <returns>False if the packet contradicts its offload, or one of its segments is larger than the MTU; nothing, or not all, of it was taken then.</returns>
    public bool Offer(ReadOnlyMemory<byte> packet, in PacketOffload offload, int mtu, long now)
    {
        lock (_lock)
        {
            _lastOffered = Math.Max(_lastOffered, now);
            if (!_wire.TryBegin(packet, in offload))
            {
                return false;
            }

            bool fits = true;
            while (_wire.TryGetNext(out ReadOnlySpan<byte> wirePacket))
            {
                if (wirePacket.Length <= mtu)
                {
                    Pass(wirePacket, now);
                }
                else
                {
                    fits = false;
                }
            }

            return fits;
        }
    }

    /// <summary>Takes packets that are due, for whoever holds the drain or gets it now.</summary>
    /// <param name="packets">Gets them; their arrays are the caller's to return.</param>
    /// <param name="now">The time in ticks.</param>
    /// <param name="holding">Whether the caller holds the drain; it does from the first call that returned packets until one that returned none.</param>
    /// <returns>How many there are; 0 ends the drain.</returns>
    public int TryTakeDue(Span<DelayedPacket> packets, long now, bool holding)
    {
        TaskCompletionSource? idle;
        lock (_lock)
        {
            // What was taken before was delivered or counted.
            if (_draining && !holding)
            {
                return 0; // its holder looks again before it lets go
            }

            // The clock was read before the lock was taken: what came meanwhile and is due at once must not wait for a timer.
            now = Math.Max(now, _lastOffered);
            int count = 0;
            while (count < packets.Length && _queue.TryPeek(out _, out (long Due, long Number) priority) && priority.Due <= now)
            {
                packets[count++] = _queue.Dequeue();
                _queuedBytes -= packets[count - 1].Length;
            }

            _taken += count;
            _draining = count > 0;
            idle = _draining ? null : _idle;
            if (count > 0)
            {
                return count;
            }
        }

        idle?.TrySetResult();
        return 0;
    }

    /// <summary>Says what became of packets that were taken.</summary>
    public void Settle(int delivered, int dropped)
    {
        lock (_lock)
        {
            _taken -= delivered + dropped;
            _counts.Delivered += delivered;
            _counts.DroppedAtEnd += dropped;
        }
    }

    /// <summary>Drops what is on its way and takes nothing any more.</summary>
    /// <returns>Completes when nobody drains.</returns>
    public Task CloseAsync()
    {
        lock (_lock)
        {
            _closed = true;
            _counts.DroppedByClosing += _queue.Count;
            while (_queue.TryDequeue(out DelayedPacket packet, out _))
            {
                ArrayPool<byte>.Shared.Return(packet.Array);
            }

            _queuedBytes = 0;
            if (!_draining)
            {
                return Task.CompletedTask;
            }

            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    private static long Ticks(TimeSpan time, long frequency) => (long)((Int128)time.Ticks * frequency / TimeSpan.TicksPerSecond);

    private void Pass(ReadOnlySpan<byte> packet, long now)
    {
        PacketFate fate = _fates.Next();
        _counts.Packets++;
        _counts.Bytes += packet.Length;
        if (fate.IsLost)
        {
            _counts.Lost++;
            _counts.LostInBursts += fate.IsLostInBurst ? 1 : 0;
            return;
        }

        _counts.Corrupted += fate.IsCorrupted ? 1 : 0;
        _counts.Duplicated += fate.IsDuplicated ? 1 : 0;
        _counts.Reordered += fate.IsReordered ? 1 : 0;
        Enqueue(packet, in fate, now);
        if (fate.IsDuplicated)
        {
            Enqueue(packet, in fate, now);
        }
    }

    private void Enqueue(ReadOnlySpan<byte> packet, in PacketFate fate, long now)
    {
        if (_closed)
        {
            _counts.DroppedByClosing++;
            return;
        }

        if (_queue.Count >= _maxPackets || _queuedBytes + packet.Length > _maxBytes)
        {
            _counts.DroppedByLimit++;
            return;
        }

        long departure = now;
        if (_rate is not null && !_rate.TryTake(packet.Length, now, out departure))
        {
            _counts.DroppedByRate++;
            return;
        }

        long due = Math.Max(_lastDue, departure + _delay + (long)(fate.Jitter * _jitter));
        if (fate.IsReordered)
        {
            due += _reorderDelay;
        }
        else
        {
            _lastDue = due;
        }

        if (due > now)
        {
            _counts.Delayed++;
        }

        byte[] array = ArrayPool<byte>.Shared.Rent(packet.Length);
        packet.CopyTo(array);
        if (fate.IsCorrupted)
        {
            ulong bit = fate.CorruptedBit % ((ulong)packet.Length * 8);
            array[bit / 8] ^= (byte)(1 << (int)(bit % 8));
        }

        _queuedBytes += packet.Length;
        _queue.Enqueue(new DelayedPacket(array, packet.Length), (due, _number++));
    }

    private struct Counts
    {
        public long Packets;
        public long Bytes;
        public long Lost;
        public long LostInBursts;
        public long Corrupted;
        public long Duplicated;
        public long Reordered;
        public long Delayed;
        public long Delivered;
        public long DroppedByRate;
        public long DroppedByLimit;
        public long DroppedAtEnd;
        public long DroppedByClosing;
    }
}
