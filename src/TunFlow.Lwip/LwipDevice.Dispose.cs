namespace TunFlow.Lwip;

/// <content>The end.</content>
public sealed partial class LwipDevice
{
    /// <summary>Real time, whatever the options' provider says: it bounds threads and sockets, which virtual time doesn't move.</summary>
    private static readonly TimeSpan DisposeBound = TimeSpan.FromSeconds(1);

    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _disposing;

    private bool IsDisposed => Volatile.Read(ref _disposing) != 0;

    /// <summary>
    /// Closes the device: every flow is reset, every dial cancelled, every session closed. The packets that tell the applications can still be
    /// read; after them reads return 0. Waits for running dials, streams and proxies to return, at most 1 second; the native memory that an
    /// unfinished call still reads is freed when it returns.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposing, 1) != 0)
        {
            await _disposed.Task.ConfigureAwait(false);
            return;
        }

        _stack.ShutDown();
        _echoes?.End();
        _reader.End();
        try
        {
            await _context.Work.WhenIdle().WaitAsync(DisposeBound).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Somebody's dialer or stream doesn't react. What it holds stays allocated until it does; nobody else has to wait.
            LwipLog.StragglersAtDisposal(_context.Log);
        }

        _context.EndMetrics();
        _disposed.SetResult();
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(IsDisposed, this);

    private static ObjectDisposedException Disposed() => new(nameof(LwipDevice));
}
