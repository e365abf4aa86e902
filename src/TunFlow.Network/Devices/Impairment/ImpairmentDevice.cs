using System.Buffers;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>Makes a perfect device as bad as a real network: loss, bursts of loss, corruption, duplication, reordering, delay, jitter, a rate limit; each direction for itself.</summary>
/// <remarks>
/// <para>It stands for a wire. What passes a wire are ordinary packets, so super-packets are cut into their segments and checksums that were left to the device are
/// completed, before anything happens to them: the loss of one packet is that of one segment, and a corrupted packet is noticed by its checksum. It therefore takes
/// every offload, whatever the device inside supports, and hands on complete packets only.</para>
/// <para>The fate of a packet depends on <see cref="ImpairmentOptions.Seed"/> and its number in its direction: the same packets at the same times have the same
/// outcome. From the first read on packets are taken out of the device inside as they come, whether or not somebody waits for them, as from a wire; the queue that
/// reads are served from is bounded. Packets due later are handed on to the millisecond of one timer, which exists only while a packet is on its way. Everything is bounded,
/// and every drop counted.</para>
/// <para>An error of writing a packet that was delayed can only be counted. That the device inside was closed is known when it ends the reads or refuses a
/// packet; packets on their way at that moment are dropped. Packets are never written by two threads at a time.</para>
/// </remarks>
public sealed partial class ImpairmentDevice : IBatchIPDevice
{
    private const int BatchSize = 64;

    /// <summary>How many packets a writer writes that came after his own, before he lets the thread pool go on.</summary>
    private const int MostOfOthers = 256;

    private static readonly Action<ImpairmentDevice> s_writeOn = static device => _ = device.WriteOnAsync();

    private readonly DecoratedDevice _inner;
    private readonly ImpairmentOptions _options;
    private readonly TimeProvider _time;
    private readonly ImpairedLink _read;
    private readonly ImpairedLink _written;
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly bool _ownsInner;
    private long _rejected;
    private int _writingThread;
    private int _closed;
    private int _disposed;

    /// <summary>Decorates a device.</summary>
    /// <param name="inner">The device. Nobody else reads it while it is decorated.</param>
    /// <param name="options">What happens to packets; null for nothing.</param>
    /// <param name="ownsInner">Whether disposing disposes the device, too. If not, it stays as it is, and a pending read is taken back from it; packets that were read from it already are lost.</param>
    public ImpairmentDevice(IIPDevice inner, ImpairmentOptions? options = null, bool ownsInner = true)
    {
        _inner = new DecoratedDevice(inner, ownsInner, nameof(ImpairmentDevice));
        _ownsInner = ownsInner;
        _options = options ?? new ImpairmentOptions();
        _time = _options.TimeProvider;

        // Two directions that don't repeat each other.
        ImpairmentRandom seeds = new(_options.Seed);
        _read = new ImpairedLink(_options.Read, _options, seeds.Next());
        _written = new ImpairedLink(_options.Written, _options, seeds.Next());
        _ready = new PacketQueue(_options.ReadQueueLength);
    }

    /// <inheritdoc/>
    public int Mtu => _inner.Mtu;

    /// <inheritdoc/>
    public PacketOffloads SupportedOffloads => PacketOffloads.Checksum | PacketOffloads.TcpSegmentation | PacketOffloads.UdpSegmentation;

    /// <inheritdoc/>
    public int MaxBatch => BatchSize;

    /// <summary>Packets that never were on their way: empty, too large, or in contradiction to their offload.</summary>
    public long RejectedPackets => Volatile.Read(ref _rejected);

    /// <summary>What happened so far. Any thread, also after disposal.</summary>
    public ImpairmentStatistics GetStatistics() => new()
    {
        Read = _read.Snapshot(),
        Written = _written.Snapshot(),
        Rejected = Volatile.Read(ref _rejected),
    };

    /// <inheritdoc/>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default)
    {
        if (Refuse(cancellationToken) is { } refusal)
        {
            return ValueTask.FromException(refusal);
        }

        if (packet.Length > Mtu)
        {
            return ValueTask.FromException(new NetworkException(NetworkError.MessageTooLarge, $"A packet of {packet.Length} bytes doesn't fit an MTU of {Mtu}."));
        }

        Offer(packet, default, _time.GetTimestamp());
        return HandOnAsync();
    }

    /// <inheritdoc/>
    public ValueTask WriteBatchAsync(ReadOnlyMemory<PacketBuffer> packets, CancellationToken cancellationToken = default)
    {
        if (Refuse(cancellationToken) is { } refusal)
        {
            return ValueTask.FromException(refusal);
        }

        long now = _time.GetTimestamp();
        int mtu = Mtu;
        foreach (ref readonly PacketBuffer packet in packets.Span)
        {
            if (packet.Length > (packet.Offload.Gso == GsoType.None ? mtu : PacketBuffer.MaxPacketLength))
            {
                Interlocked.Increment(ref _rejected);
            }
            else
            {
                Offer(packet.Packet, packet.Offload, now);
            }
        }

        return HandOnAsync();
    }

    /// <summary>Ends reads and writes, drops and counts what is on its way, and disposes the device inside if it is owned. A borrowed one isn't used any more when this has completed.</summary>
    /// <remarks>A write of the device inside may dispose this one: if that is borrowed and calls before its write has become asynchronous, this returns at once; the rest follows.</remarks>
    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _ = EndAsync();
        }

        // A write can't wait for itself.
        return Volatile.Read(ref _writingThread) == Environment.CurrentManagedThreadId ? ValueTask.CompletedTask : new ValueTask(_end.Task);
    }

    private async Task EndAsync()
    {
        try
        {
            StopTimer();
            _ready.Complete(discard: true);
            Task idle = Task.WhenAll(_read.CloseAsync(), _written.CloseAsync());
            await _inner.DisposeAsync().ConfigureAwait(false);

            // The writes and the read of a device that was disposed come back by themselves; and one of those writes may be what waits for this.
            if (!_ownsInner)
            {
                await idle.ConfigureAwait(false);
                if (Volatile.Read(ref _pump) is { } pump)
                {
                    await pump.ConfigureAwait(false);
                }
            }

            _end.SetResult();
        }
        catch (Exception exception)
        {
            _end.SetException(exception);
            _ = _end.Task.Exception; // observed: whoever disposes inside a write doesn't wait
        }
    }

    private bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    private Exception? Refuse(CancellationToken cancellationToken)
    {
        if (IsDisposed)
        {
            return new ObjectDisposedException(nameof(ImpairmentDevice));
        }

        if (Volatile.Read(ref _closed) != 0)
        {
            return new NetworkException(NetworkError.Closed, "The device inside is closed.");
        }

        return cancellationToken.IsCancellationRequested ? new OperationCanceledException(cancellationToken) : null;
    }

    private void Offer(ReadOnlyMemory<byte> packet, in PacketOffload offload, long now)
    {
        if (packet.IsEmpty || !_written.Offer(packet, in offload, Mtu, now))
        {
            Interlocked.Increment(ref _rejected);
        }
    }

    /// <summary>Writes what is due, and tells if the device inside turned out to be closed.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask HandOnAsync()
    {
        await WriteDueAsync(_written.Waiting + MostOfOthers).ConfigureAwait(false);
        Schedule();
        if (Refuse(CancellationToken.None) is { } refusal)
        {
            throw refusal;
        }
    }

    /// <summary>Called by any thread; one of them writes for all, but not for ever: others may bring packets as fast as it writes them. Never throws.</summary>
    /// <param name="most">After about how many packets the thread pool goes on.</param>
    /// <param name="holding">Whether the drain of the link is the caller's already.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteDueAsync(int most = int.MaxValue, bool holding = false)
    {
        int count, taken = 0;
        DelayedPacket[] packets = ArrayPool<DelayedPacket>.Shared.Rent(BatchSize);
        while ((count = _written.TryTakeDue(packets.AsSpan(0, BatchSize), _time.GetTimestamp(), holding)) > 0)
        {
            holding = true;
            int delivered = 0;
            for (int i = 0; i < count; i++)
            {
                delivered += await TryWriteAsync(packets[i].Array.AsMemory(0, packets[i].Length)).ConfigureAwait(false) ? 1 : 0;
                ArrayPool<byte>.Shared.Return(packets[i].Array);
            }

            _written.Settle(delivered, count - delivered);
            taken += count;
            if (taken >= most)
            {
                ThreadPool.UnsafeQueueUserWorkItem(s_writeOn, this, preferLocal: false);
                break;
            }
        }

        ArrayPool<DelayedPacket>.Shared.Return(packets, clearArray: true);
    }

    private async Task WriteOnAsync()
    {
        await WriteDueAsync(holding: true).ConfigureAwait(false);
        Schedule();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> TryWriteAsync(ReadOnlyMemory<byte> packet)
    {
        try
        {
            ValueTask write;
            Volatile.Write(ref _writingThread, Environment.CurrentManagedThreadId);
            try
            {
                write = _inner.WriteAsync(packet, CancellationToken.None);
            }
            finally
            {
                Volatile.Write(ref _writingThread, 0);
            }

            await write.ConfigureAwait(false);
            return true;
        }
        catch (Exception exception)
        {
            // Whoever wrote it may be long gone: the caller counts it. The end of the device is told to the next writer.
            if (NetworkErrors.Is(exception, NetworkError.Closed))
            {
                Volatile.Write(ref _closed, 1);
            }

            return false;
        }
    }
}
