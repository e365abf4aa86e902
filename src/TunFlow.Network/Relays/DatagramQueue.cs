using System.Buffers;
using System.Net;
using System.Runtime.CompilerServices;

namespace TunFlow.Network.Relays;

/// <summary>A bounded queue of datagrams in pooled buffers: any number of writers that never wait, one reader that does.</summary>
/// <remarks>Reports of unreachable destinations pass the datagrams, for there is little time in which they are of use. The ring grows with what waits in it, so that an idle queue is small.</remarks>
/// <param name="maxDatagrams">How many datagrams it holds.</param>
/// <param name="maxBytes">How many bytes their buffers may take, as allocated.</param>
internal sealed class DatagramQueue(int maxDatagrams, int maxBytes)
{
    // A flood of refusals needs no more: the first ones say it.
    private const int MaxReports = 16;
    private const int FirstCapacity = 4;

    private static readonly Action<object?> s_wake = static state => ((DatagramQueue)state!).WakeReader();

    private readonly Lock _lock = new();
    private readonly ReadSignal _signal = new();
    private Entry[] _ring = [];
    private Queue<NetworkException>? _reports;
    private int _head;
    private int _count;
    private int _bytes;
    private bool _completed;

    /// <summary>Adds a datagram.</summary>
    /// <returns>False if there is no room.</returns>
    /// <exception cref="NetworkException"><see cref="NetworkError.Closed"/>: the queue is completed.</exception>
    public bool TryWrite(ReadOnlySpan<byte> payload, IPEndPoint source)
    {
        bool wake;
        lock (_lock)
        {
            ThrowIfCompleted();
            if (_count == maxDatagrams || _bytes + payload.Length > maxBytes)
            {
                return false;
            }

            byte[] buffer = ArrayPool<byte>.Shared.Rent(payload.Length);
            if (_count > 0 && _bytes + buffer.Length > maxBytes)
            {
                ArrayPool<byte>.Shared.Return(buffer);
                return false;
            }

            payload.CopyTo(buffer);
            Grow();
            _ring[(_head + _count) % _ring.Length] = new Entry(buffer, payload.Length, source);
            _count++;
            _bytes += buffer.Length;
            wake = _signal.TakeWaiter();
        }

        if (wake)
        {
            _signal.Wake();
        }

        return true;
    }

    /// <summary>Adds a report, which the reader gets as an exception.</summary>
    /// <returns>False if there is no room.</returns>
    /// <exception cref="NetworkException"><see cref="NetworkError.Closed"/>: the queue is completed.</exception>
    public bool TryReport(NetworkException report)
    {
        bool wake;
        lock (_lock)
        {
            ThrowIfCompleted();
            _reports ??= new Queue<NetworkException>();
            if (_reports.Count == MaxReports)
            {
                return false;
            }

            _reports.Enqueue(report);
            wake = _signal.TakeWaiter();
        }

        if (wake)
        {
            _signal.Wake();
        }

        return true;
    }

    /// <summary>Ends the queue: what is in it can still be read, unless it is discarded.</summary>
    public void Complete(bool discard)
    {
        bool wake;
        lock (_lock)
        {
            _completed = true;
            if (discard)
            {
                while (_count > 0)
                {
                    ArrayPool<byte>.Shared.Return(RemoveHead().Buffer);
                }

                _ring = [];
                _reports = null;
            }

            wake = _signal.TakeWaiter();
        }

        if (wake)
        {
            _signal.Wake();
        }
    }

    /// <summary>Takes a datagram, or with an empty buffer waits for one. Never called twice at once.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ReceivedDatagram> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            ValueTask wait;
            lock (_lock)
            {
                if (_reports is not null && _reports.TryDequeue(out NetworkException? report))
                {
                    throw report;
                }

                if (_count > 0)
                {
                    return buffer.IsEmpty ? default : Take(buffer.Span);
                }

                ThrowIfCompleted();
                if (!_signal.TryStartWait(out wait))
                {
                    throw new InvalidOperationException("Another receive is pending.");
                }
            }

            // The callback only wakes; the reader finds out by itself why, so a datagram that came first isn't lost.
            using (cancellationToken.UnsafeRegister(s_wake, this))
            {
                await wait.ConfigureAwait(false);
            }

            cancellationToken.ThrowIfCancellationRequested();
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

    private void ThrowIfCompleted()
    {
        if (_completed)
        {
            throw AssociationErrors.Closed();
        }
    }

    private void Grow()
    {
        if (_count < _ring.Length)
        {
            return;
        }

        Entry[] larger = new Entry[Math.Min(maxDatagrams, Math.Max(FirstCapacity, 2 * _ring.Length))];
        for (int i = 0; i < _count; i++)
        {
            larger[i] = _ring[(_head + i) % _ring.Length];
        }

        _ring = larger;
        _head = 0;
    }

    private ReceivedDatagram Take(Span<byte> destination)
    {
        Entry entry = RemoveHead();
        int length = Math.Min(entry.Length, destination.Length);
        entry.Buffer.AsSpan(0, length).CopyTo(destination);
        ArrayPool<byte>.Shared.Return(entry.Buffer);
        return new ReceivedDatagram(length, entry.Source, Truncated: length < entry.Length);
    }

    private Entry RemoveHead()
    {
        Entry entry = _ring[_head];
        _ring[_head] = default;
        _head = (_head + 1) % _ring.Length;
        _count--;
        _bytes -= entry.Buffer.Length;
        return entry;
    }

    private readonly record struct Entry(byte[] Buffer, int Length, IPEndPoint Source);
}
