using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TunFlow.Network;

/// <summary>Counts what passes a device: packets and bytes per direction, IP version, protocol and size, and what the device refused.</summary>
/// <remarks>
/// Changes nothing: packets, offloads, batches, errors and the end are those of the device inside. Safe from any thread, with one read at a time as for every device. Counting takes no lock and no memory. For a device without
/// the batch form it provides one: batches are read one packet at a time.
/// </remarks>
public sealed class CountingDevice : IBatchIPDevice
{
    private readonly DecoratedDevice _inner;
    private readonly TrafficCounters _read = new(concurrent: false);
    private readonly TrafficCounters _written = new(concurrent: true);
    private long _writesRejected;
    private long _writeErrors;
    private long _readErrors;

    /// <summary>Decorates a device.</summary>
    /// <param name="inner">The device. Nobody else reads it while it is decorated.</param>
    /// <param name="ownsInner">Whether disposing disposes the device, too. If not, it stays as it is, and a pending read is taken back from it without losing a packet.</param>
    public CountingDevice(IIPDevice inner, bool ownsInner = true)
    {
        _inner = new DecoratedDevice(inner, ownsInner, nameof(CountingDevice), packet => _written.Count(in packet));
    }

    /// <inheritdoc/>
    public int Mtu => _inner.Mtu;

    /// <inheritdoc/>
    public PacketOffloads SupportedOffloads => _inner.SupportedOffloads;

    /// <inheritdoc/>
    public int MaxBatch => _inner.MaxBatch;

    /// <summary>Packets of batches that were not written because the device inside takes only single, complete ones, or failed to write them.</summary>
    public long RejectedPackets => _inner.Rejected;

    /// <summary>What was counted so far. Any thread, also after disposal.</summary>
    public CountingDeviceStatistics GetStatistics() => new()
    {
        Read = _read.Snapshot(),
        Written = _written.Snapshot(),
        WritesRejected = Volatile.Read(ref _writesRejected),
        WriteErrors = Volatile.Read(ref _writeErrors),
        ReadErrors = Volatile.Read(ref _readErrors),
    };

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ValueTask<int> read = _inner.ReadAsync(buffer, cancellationToken);
        return read.IsCompletedSuccessfully ? ValueTask.FromResult(CountRead(buffer, read.Result)) : FinishReadAsync(read, buffer);
    }

    /// <inheritdoc/>
    public ValueTask<int> ReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken = default)
    {
        ValueTask<int> read = _inner.ReadBatchAsync(packets, cancellationToken);
        return read.IsCompletedSuccessfully ? ValueTask.FromResult(CountRead(packets, read.Result)) : FinishReadBatchAsync(read, packets);
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default)
    {
        ValueTask write = _inner.WriteAsync(packet, cancellationToken);
        if (!write.IsCompletedSuccessfully)
        {
            return FinishWriteAsync(write, packet);
        }

        write.GetAwaiter().GetResult();
        CountWritten(packet);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask WriteBatchAsync(ReadOnlyMemory<PacketBuffer> packets, CancellationToken cancellationToken = default)
    {
        ValueTask write = _inner.WriteBatchAsync(packets, cancellationToken);
        if (!write.IsCompletedSuccessfully)
        {
            return FinishWriteBatchAsync(write, packets);
        }

        write.GetAwaiter().GetResult();
        CountWritten(packets.Span);
        return ValueTask.CompletedTask;
    }

    /// <summary>Ends reads and writes, and disposes the device inside if it is owned.</summary>
    public ValueTask DisposeAsync() => _inner.DisposeAsync();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> FinishReadAsync(ValueTask<int> read, Memory<byte> buffer)
    {
        try
        {
            return CountRead(buffer, await read.ConfigureAwait(false));
        }
        catch (Exception exception) when (CountReadError(exception))
        {
            throw;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> FinishReadBatchAsync(ValueTask<int> read, Memory<PacketBuffer> packets)
    {
        try
        {
            return CountRead(packets, await read.ConfigureAwait(false));
        }
        catch (Exception exception) when (CountReadError(exception))
        {
            throw;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishWriteAsync(ValueTask write, ReadOnlyMemory<byte> packet)
    {
        try
        {
            await write.ConfigureAwait(false);
        }
        catch (Exception exception) when (CountWriteError(exception))
        {
            throw;
        }

        CountWritten(packet);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishWriteBatchAsync(ValueTask write, ReadOnlyMemory<PacketBuffer> packets)
    {
        try
        {
            await write.ConfigureAwait(false);
        }
        catch (Exception exception) when (CountWriteError(exception))
        {
            throw;
        }

        CountWritten(packets.Span);
    }

    private int CountRead(Memory<byte> buffer, int length)
    {
        if (length > 0)
        {
            _read.Count(new PacketBuffer(buffer, length));
        }

        return length;
    }

    private int CountRead(Memory<PacketBuffer> packets, int count)
    {
        _read.Count(packets.Span[..count]);
        return count;
    }

    private void CountWritten(ReadOnlyMemory<byte> packet)
    {
        if (packet.IsEmpty)
        {
            Interlocked.Increment(ref _writesRejected);
            return;
        }

        // The counters only look at it.
        _written.Count(new PacketBuffer(MemoryMarshal.AsMemory(packet), packet.Length));
    }

    private void CountWritten(ReadOnlySpan<PacketBuffer> packets)
    {
        foreach (ref readonly PacketBuffer packet in packets)
        {
            if (!_inner.IsAcceptable(in packet))
            {
                Interlocked.Increment(ref _writesRejected);
            }
            else if (_inner.IsBatch)
            {
                _written.Count(in packet);
            }
        }
    }

    // Filters, not handlers: they see the error and let it pass.
    private bool CountReadError(Exception exception)
    {
        if (exception is not (OperationCanceledException or ArgumentException) && exception.GetType() != typeof(InvalidOperationException))
        {
            Interlocked.Increment(ref _readErrors);
        }

        return false;
    }

    private bool CountWriteError(Exception exception)
    {
        if (exception is NetworkException { Error: NetworkError.MessageTooLarge })
        {
            Interlocked.Increment(ref _writesRejected);
        }
        else if (exception is not OperationCanceledException)
        {
            Interlocked.Increment(ref _writeErrors);
        }

        return false;
    }
}
