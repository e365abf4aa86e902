using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Packets;

/// <summary>An upstream of one of the fates that <see cref="TrafficDialer"/> deals out. Swallows what it gets and counts it.</summary>
internal sealed class TrafficUpstream(TrafficDialer dialer, int fate) : StreamConnection
{
    private readonly TaskCompletionSource<int> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _answers = fate is 1 or 2 ? 20 : 0;
    private int _disposals;
    private long _received;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override EndPoint? LocalEndPoint => null;

    public override EndPoint? RemoteEndPoint => null;

    public override Task ReadsClosed => Task.CompletedTask;

    public override Task WritesClosed => Task.CompletedTask;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_answers > 0)
        {
            if (_answers-- % 4 == 0)
                await Task.Yield();
            return Math.Min(buffer.Length, 3000);
        }

        return fate switch
        {
            2 => 0,
            3 => throw new NetworkException(NetworkError.ConnectionReset),
            _ => await _ended.Task.WaitAsync(cancellationToken),
        };
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        dialer.Count(buffer.Length);
        _received += buffer.Length;
        if (fate == 4 && _received > 20_000)
            return ValueTask.FromException(new NetworkException(NetworkError.ConnectionReset));
        return fate == 5 ? YieldAsync() : ValueTask.CompletedTask;
    }

    public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default)
    {
        if (fate % 2 == 0)
            _ended.TrySetResult(0);
        return ValueTask.CompletedTask;
    }

    public override void AbortReads() => End();

    public override void Abort() => End();

    public override ValueTask DisposeAsync()
    {
        dialer.OnDisposed(Interlocked.Increment(ref _disposals));
        End();
        return ValueTask.CompletedTask;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            dialer.OnDisposed(Interlocked.Increment(ref _disposals));
            End();
        }

        base.Dispose(disposing);
    }

    private static async ValueTask YieldAsync() => await Task.Yield();

    private void End()
    {
        _ended.TrySetException(new ObjectDisposedException(nameof(TrafficUpstream)));
        _ = _ended.Task.Exception;
    }
}
