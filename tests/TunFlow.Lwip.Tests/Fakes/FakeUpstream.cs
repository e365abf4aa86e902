using System.IO.Pipelines;
using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Fakes;

/// <summary>An upstream in memory that counts how it was ended. The test is the server: it reads <see cref="Received"/> and writes <see cref="Answers"/>.</summary>
internal sealed class FakeUpstream : StreamConnection
{
    private readonly Pipe _up = new(new PipeOptions(pauseWriterThreshold: 256 * 1024, resumeWriterThreshold: 128 * 1024));
    private readonly Pipe _down = new(new PipeOptions(pauseWriterThreshold: 256 * 1024, resumeWriterThreshold: 128 * 1024));
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource _endedTask = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _disposals;
    private int _aborts;

    public PipeReader Received => _up.Reader;

    public PipeWriter Answers => _down.Writer;

    public int Disposals => Volatile.Read(ref _disposals);

    public int Aborts => Volatile.Read(ref _aborts);

    public bool WritesWereCompleted { get; private set; }

    /// <summary>Completes at the first Abort or disposal.</summary>
    public Task Ended => _endedTask.Task;

    /// <summary>While set, writes don't complete, whatever happens to the connection.</summary>
    public TaskCompletionSource? StuckWrites { get; set; }

    public Exception? WriteError { get; set; }

    /// <summary>What reading fails with once the answers are completed and read.</summary>
    public Exception? ReadError { get; set; }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanWaitForData => true;

    public override EndPoint? LocalEndPoint => null;

    public override EndPoint? RemoteEndPoint => null;

    public override Task ReadsClosed => Task.CompletedTask;

    public override Task WritesClosed => Task.CompletedTask;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _ended.Token);
        ReadResult result;
        try
        {
            result = await _down.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (_ended.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(FakeUpstream));
        }

        if (result is { IsCompleted: true, Buffer.IsEmpty: true } && ReadError is { } error)
            throw error;
        int length = (int)Math.Min(buffer.Length, result.Buffer.Length);
        System.Buffers.BuffersExtensions.CopyTo(result.Buffer.Slice(0, length), buffer.Span);
        _down.Reader.AdvanceTo(result.Buffer.GetPosition(length));
        return length;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (StuckWrites is { } stuck)
            await stuck.Task;
        if (WriteError is { } error)
            throw error;
        ObjectDisposedException.ThrowIf(_ended.IsCancellationRequested, this);
        try
        {
            await _up.Writer.WriteAsync(buffer, _ended.Token);
        }
        catch (OperationCanceledException)
        {
            throw new ObjectDisposedException(nameof(FakeUpstream));
        }
    }

    public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default)
    {
        WritesWereCompleted = true;
        return _up.Writer.CompleteAsync();
    }

    public override void AbortReads()
    {
    }

    public override void Abort()
    {
        Interlocked.Increment(ref _aborts);
        End();
    }

    public override ValueTask DisposeAsync()
    {
        Interlocked.Increment(ref _disposals);
        End();
        return ValueTask.CompletedTask;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Interlocked.Increment(ref _disposals);
            End();
        }

        base.Dispose(disposing);
    }

    private void End()
    {
        _ended.Cancel();
        _endedTask.TrySetResult();
    }
}
