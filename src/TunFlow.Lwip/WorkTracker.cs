namespace TunFlow.Lwip;

/// <summary>Counts the relays and sessions that run, so that disposal can wait for them.</summary>
internal sealed class WorkTracker
{
    private readonly Lock _gate = new();
    private int _running;
    private TaskCompletionSource? _idle;

    public void Enter() => Interlocked.Increment(ref _running);

    public void Exit()
    {
        if (Interlocked.Decrement(ref _running) != 0)
            return;
        lock (_gate)
            _idle?.TrySetResult();
    }

    /// <summary>Completes when nothing runs. Meant for when nothing new starts any more.</summary>
    public Task WhenIdle()
    {
        lock (_gate)
        {
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            // After the source is visible to Exit, or the last Exit in between would tell nobody.
            if (Volatile.Read(ref _running) == 0)
                _idle.TrySetResult();
            return _idle.Task;
        }
    }
}
