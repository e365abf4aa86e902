using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>Records what passes a device to a pcapng file or stream, which Wireshark and its like read. Can be switched on and off while traffic runs.</summary>
/// <remarks>
/// Changes nothing: packets, offloads, batches, errors and the end are those of the device inside, and a target that is slow or fails costs records, not packets. A packet
/// that is written is recorded when it is handed to the device, so that it comes before any answer to it; one that the device can't take at all (too large, wrong
/// offload) is not. Captures are one at a time. Safe from any thread, with one read at a time as for every device. For a device without the batch form it provides one: batches are read one packet at a time.
/// </remarks>
public sealed class CaptureDevice : IBatchIPDevice
{
    private readonly DecoratedDevice _inner;
    private PacketCapture? _capture;
    private int _starting;

    /// <summary>Decorates a device, without recording yet.</summary>
    /// <param name="inner">The device. Nobody else reads it while it is decorated.</param>
    /// <param name="ownsInner">Whether disposing disposes the device, too. If not, it stays as it is, and a pending read is taken back from it without losing a packet.</param>
    public CaptureDevice(IIPDevice inner, bool ownsInner = true)
    {
        _inner = new DecoratedDevice(inner, ownsInner, nameof(CaptureDevice));
    }

    /// <summary>Decorates a device and starts to record to a file.</summary>
    /// <param name="inner">The device.</param>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="options">What is recorded, and how; null for the defaults.</param>
    /// <param name="ownsInner">Whether disposing disposes the device, too. If this constructor throws, it does not.</param>
    /// <exception cref="IOException">The file can't be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be created.</exception>
    public CaptureDevice(IIPDevice inner, string path, CaptureOptions? options = null, bool ownsInner = true)
        : this(inner, ownsInner)
    {
        StartCapture(path, options);
    }

    /// <summary>Decorates a device and starts to record to a stream.</summary>
    /// <param name="inner">The device.</param>
    /// <param name="target">The stream. Closed at the end unless <see cref="CaptureOptions.LeaveOpen"/> is set.</param>
    /// <param name="options">What is recorded, and how; null for the defaults.</param>
    /// <param name="ownsInner">Whether disposing disposes the device, too.</param>
    public CaptureDevice(IIPDevice inner, Stream target, CaptureOptions? options = null, bool ownsInner = true)
        : this(inner, ownsInner)
    {
        StartCapture(target, options);
    }

    /// <inheritdoc/>
    public int Mtu => _inner.Mtu;

    /// <inheritdoc/>
    public PacketOffloads SupportedOffloads => _inner.SupportedOffloads;

    /// <inheritdoc/>
    public int MaxBatch => _inner.MaxBatch;

    /// <summary>The capture that runs, or the last one that did; null before the first.</summary>
    public PacketCapture? Capture => Volatile.Read(ref _capture);

    /// <summary>Packets of batches that were not written because the device inside takes only single, complete ones, or failed to write them.</summary>
    public long RejectedPackets => _inner.Rejected;

    /// <summary>Starts to record to a file. Any thread, while packets pass.</summary>
    /// <param name="path">The file; replaced if it exists. Others may read it meanwhile.</param>
    /// <param name="options">What is recorded, and how; null for the defaults.</param>
    /// <returns>The capture, to be ended by <see cref="StopCaptureAsync"/>, by disposing it, or by disposing this device.</returns>
    /// <exception cref="InvalidOperationException">A capture is running, or has not closed its target yet.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    /// <exception cref="IOException">The file can't be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be created.</exception>
    public PacketCapture StartCapture(string path, CaptureOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        BeginStart(); // before the file that a running capture may write is replaced
        try
        {
            // No buffer of the stream's: what was written is in the file, whatever happens to the process.
            FileStream file = new(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
            try
            {
                return Start(file, ownsTarget: true, options ?? new CaptureOptions());
            }
            catch
            {
                file.Dispose(); // no memory for the queue, for instance
                throw;
            }
        }
        finally
        {
            Volatile.Write(ref _starting, 0);
        }
    }

    /// <summary>Starts to record to a stream. Any thread, while packets pass.</summary>
    /// <param name="target">The stream. Closed at the end unless <see cref="CaptureOptions.LeaveOpen"/> is set; used by one call at a time.</param>
    /// <param name="options">What is recorded, and how; null for the defaults.</param>
    /// <returns>The capture, to be ended by <see cref="StopCaptureAsync"/>, by disposing it, or by disposing this device.</returns>
    /// <exception cref="InvalidOperationException">A capture is running, or has not closed its target yet.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public PacketCapture StartCapture(Stream target, CaptureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(target);
        if (!target.CanWrite)
        {
            throw new ArgumentException("The stream can't be written.", nameof(target));
        }

        BeginStart();
        try
        {
            options ??= new CaptureOptions();
            return Start(target, !options.LeaveOpen, options);
        }
        finally
        {
            Volatile.Write(ref _starting, 0);
        }
    }

    /// <summary>Ends the capture that runs, if any, and closes its target, which takes <see cref="CaptureOptions.CloseTimeout"/> at most. The device goes on.</summary>
    /// <param name="cancellationToken">Ends the wait; the capture ends all the same.</param>
    public ValueTask StopCaptureAsync(CancellationToken cancellationToken = default)
    {
        if (Capture is not { } capture)
        {
            return ValueTask.CompletedTask;
        }

        ValueTask stopped = capture.DisposeAsync();
        return stopped.IsCompleted || !cancellationToken.CanBeCanceled ? stopped : new ValueTask(stopped.AsTask().WaitAsync(cancellationToken));
    }

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ValueTask<int> read = _inner.ReadAsync(buffer, cancellationToken);
        return read.IsCompletedSuccessfully ? ValueTask.FromResult(RecordRead(buffer, read.Result)) : FinishReadAsync(read, buffer);
    }

    /// <inheritdoc/>
    public ValueTask<int> ReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken = default)
    {
        ValueTask<int> read = _inner.ReadBatchAsync(packets, cancellationToken);
        return read.IsCompletedSuccessfully ? ValueTask.FromResult(RecordRead(packets, read.Result)) : FinishReadBatchAsync(read, packets);
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default)
    {
        if (Running is { } capture && packet.Length > 0 && packet.Length <= Mtu && !_inner.IsDisposed && !cancellationToken.IsCancellationRequested)
        {
            capture.Record(packet.Span, default, PacketDirection.Written, capture.Now());
        }

        return _inner.WriteAsync(packet, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask WriteBatchAsync(ReadOnlyMemory<PacketBuffer> packets, CancellationToken cancellationToken = default)
    {
        if (Running is { } capture && !_inner.IsDisposed && !cancellationToken.IsCancellationRequested)
        {
            RecordWritten(capture, packets.Span);
        }

        return _inner.WriteBatchAsync(packets, cancellationToken);
    }

    /// <summary>Ends reads and writes, disposes the device inside if it is owned, and ends a capture that runs: what was recorded is written, and the target closed.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _inner.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            await StopCaptureAsync().ConfigureAwait(false);
        }
    }

    private PacketCapture? Running => Volatile.Read(ref _capture) is { IsRunning: true } capture ? capture : null;

    /// <summary>One start at a time: the loser must not touch its target.</summary>
    private void BeginStart()
    {
        ObjectDisposedException.ThrowIf(_inner.IsDisposed, this);
        if (Interlocked.CompareExchange(ref _starting, 1, 0) != 0)
        {
            throw new InvalidOperationException("Another capture is being started.");
        }

        if (Capture is { Completion.IsCompleted: false })
        {
            Volatile.Write(ref _starting, 0);
            throw new InvalidOperationException("A capture is running.");
        }
    }

    private PacketCapture Start(Stream target, bool ownsTarget, CaptureOptions options)
    {
        PacketCapture capture = new(target, ownsTarget, options);
        Interlocked.Exchange(ref _capture, capture);
        if (_inner.IsDisposed)
        {
            // Disposing may not have seen it.
            _ = capture.DisposeAsync().AsTask();
        }

        return capture;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> FinishReadAsync(ValueTask<int> read, Memory<byte> buffer) =>
        RecordRead(buffer, await read.ConfigureAwait(false));

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> FinishReadBatchAsync(ValueTask<int> read, Memory<PacketBuffer> packets) =>
        RecordRead(packets, await read.ConfigureAwait(false));

    private int RecordRead(Memory<byte> buffer, int length)
    {
        if (length > 0 && Running is { } capture)
        {
            capture.Record(buffer.Span[..length], default, PacketDirection.Read, capture.Now());
        }

        return length;
    }

    private int RecordRead(Memory<PacketBuffer> packets, int count)
    {
        if (count > 0 && Running is { } capture)
        {
            ulong now = capture.Now();
            foreach (ref readonly PacketBuffer packet in packets.Span[..count])
            {
                capture.Record(packet.Packet.Span, packet.Offload, PacketDirection.Read, now);
            }
        }

        return count;
    }

    private void RecordWritten(PacketCapture capture, ReadOnlySpan<PacketBuffer> packets)
    {
        ulong now = capture.Now();
        foreach (ref readonly PacketBuffer packet in packets)
        {
            if (_inner.IsAcceptable(in packet))
            {
                capture.Record(packet.Packet.Span, packet.Offload, PacketDirection.Written, now);
            }
        }
    }
}
