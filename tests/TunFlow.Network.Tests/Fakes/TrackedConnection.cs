using System.Net;

namespace TunFlow.Network.Tests;

/// <summary>A connection that counts how often it was disposed of or aborted.</summary>
internal sealed class TrackedConnection(Stream? inner = null) : StreamConnection
{
    private readonly StreamConnection _inner = Create(inner ?? new MemoryStream());
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _disposeCount;
    private int _abortCount;
    private int _reading;

    /// <summary>Calls of Dispose and DisposeAsync.</summary>
    public int DisposeCount => Volatile.Read(ref _disposeCount);

    public int AbortCount => Volatile.Read(ref _abortCount);

    /// <summary>Whether somebody waits for data.</summary>
    public bool IsReading => Volatile.Read(ref _reading) > 0;

    public Task Ended => _ended.Task;

    public Exception? DisposeError { get; init; }

    public override bool CanRead => _inner.CanRead;

    public override bool CanWrite => _inner.CanWrite;

    public override bool CanWaitForData => _inner.CanWaitForData;

    public override EndPoint? LocalEndPoint => _inner.LocalEndPoint;

    public override EndPoint? RemoteEndPoint => _inner.RemoteEndPoint;

    public override Task ReadsClosed => _inner.ReadsClosed;

    public override Task WritesClosed => _inner.WritesClosed;

    public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default) => _inner.CompleteWritesAsync(cancellationToken);

    public override void AbortReads() => _inner.AbortReads();

    public override void Abort()
    {
        Interlocked.Increment(ref _abortCount);
        _inner.Abort();
        _ended.TrySetResult();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _reading);
        try
        {
            return await _inner.ReadAsync(buffer, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _reading);
        }
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => _inner.WriteAsync(buffer, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Interlocked.Increment(ref _disposeCount);
            _inner.Dispose();
            _ended.TrySetResult();
            if (DisposeError is { } error)
            {
                throw error;
            }
        }

        base.Dispose(disposing);
    }
}
