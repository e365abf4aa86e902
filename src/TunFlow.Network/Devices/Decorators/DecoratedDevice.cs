using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>What all decorators do alike with the device inside: ownership, end, errors, and the batch form where the device has none.</summary>
/// <remarks>
/// <para>An owned device is disposed with the decorator, and its own end is the end of the reads: what it still hands out while closing (resets,
/// for instance) passes. A borrowed device outlives the decorator: a pending read is taken back from it by cancelling, which loses no packet.</para>
/// <para>A device that was disposed behind the decorator's back throws <see cref="ObjectDisposedException"/>; the decorator's user disposed
/// nothing and gets <see cref="NetworkError.Closed"/>.</para>
/// </remarks>
internal sealed partial class DecoratedDevice
{
    private readonly IIPDevice _device;
    private readonly IBatchIPDevice? _batch;
    private readonly bool _owns;
    private readonly string _name;
    private readonly Action<PacketBuffer>? _written;
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _rejected;
    private int _disposed;

    /// <param name="device">The device inside.</param>
    /// <param name="owns">Whether it is disposed with the decorator.</param>
    /// <param name="name">The decorator's, for errors.</param>
    /// <param name="written">Told of each packet of a batch that a device without the batch form took.</param>
    public DecoratedDevice(IIPDevice device, bool owns, string name, Action<PacketBuffer>? written = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
        _batch = device as IBatchIPDevice;
        _owns = owns;
        _name = name;
        _written = written;
    }

    public int Mtu => _device.Mtu;

    public PacketOffloads SupportedOffloads => _batch?.SupportedOffloads ?? PacketOffloads.None;

    /// <summary>1 for a device without the batch form: a second packet could be waited for only by a read that the caller did not ask for.</summary>
    public int MaxBatch => _batch?.MaxBatch ?? 1;

    public bool IsBatch => _batch is not null;

    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <summary>Packets of batches that were dropped here because the device takes only single ones: too large, with an offload, or refused with an error.</summary>
    public long Rejected => Volatile.Read(ref _rejected);

    /// <summary>Whether the device can take a packet of a batch, as far as the contract tells.</summary>
    public bool IsAcceptable(in PacketBuffer packet) =>
        packet.Length > 0
        && packet.Length <= (packet.Offload.Gso == GsoType.None ? Mtu : PacketBuffer.MaxPacketLength)
        && (packet.Offload.Required & ~SupportedOffloads) == 0;

    public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken)
    {
        if (IsDisposed)
        {
            return ValueTask.FromException(Disposed());
        }

        try
        {
            ValueTask write = _device.WriteAsync(packet, cancellationToken);
            return write.IsCompletedSuccessfully ? write : FinishWriteAsync(write);
        }
        catch (Exception exception)
        {
            return ValueTask.FromException(Translate(exception));
        }
    }

    public ValueTask WriteBatchAsync(ReadOnlyMemory<PacketBuffer> packets, CancellationToken cancellationToken)
    {
        if (IsDisposed)
        {
            return ValueTask.FromException(Disposed());
        }

        if (_batch is null)
        {
            return WriteOneByOneAsync(packets, cancellationToken);
        }

        try
        {
            ValueTask write = _batch.WriteBatchAsync(packets, cancellationToken);
            return write.IsCompletedSuccessfully ? write : FinishWriteAsync(write);
        }
        catch (Exception exception)
        {
            return ValueTask.FromException(Translate(exception));
        }
    }

    /// <summary>Ends reads and writes, and the device if it is owned. A borrowed one isn't used any more when this has completed.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            await _end.Task.ConfigureAwait(false);
            return;
        }

        try
        {
            if (_owns)
            {
                await _device.DisposeAsync().ConfigureAwait(false);
            }
            else
            {
                await TakeBackReadAsync().ConfigureAwait(false);
            }

            _end.SetResult();
        }
        catch (Exception exception)
        {
            _end.SetException(exception);
            _ = _end.Task.Exception; // observed: there need not be a second caller
            throw;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishWriteAsync(ValueTask write)
    {
        try
        {
            await write.ConfigureAwait(false);
        }
        catch (Exception exception) when (IsClosed(exception))
        {
            throw Closed(exception);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteOneByOneAsync(ReadOnlyMemory<PacketBuffer> packets, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        for (int i = 0; i < packets.Length; i++)
        {
            PacketBuffer packet = packets.Span[i];
            if (!IsAcceptable(packet))
            {
                Interlocked.Increment(ref _rejected);
                continue;
            }

            try
            {
                // The token cancels a batch only before it was started.
                await _device.WriteAsync(packet.Packet, CancellationToken.None).ConfigureAwait(false);
                _written?.Invoke(packet);
            }
            catch (Exception exception) when (IsClosed(exception))
            {
                throw Closed(exception);
            }
            catch (IOException)
            {
                // One packet that can't be written doesn't stop the others.
                Interlocked.Increment(ref _rejected);
            }
        }
    }

    private static bool IsClosed(Exception exception) => exception is ObjectDisposedException or NetworkException { Error: NetworkError.Closed };

    /// <summary>For exceptions that were thrown rather than returned: all errors of a decorator come with the task.</summary>
    private Exception Translate(Exception exception) => IsClosed(exception) ? Closed(exception) : exception;

    private Exception Closed(Exception exception) => IsDisposed
        ? Disposed()
        : exception as NetworkException ?? new NetworkException(NetworkError.Closed, "The device inside was disposed.", exception);

    private ObjectDisposedException Disposed() => new(_name);
}
