using System.Threading.Tasks.Sources;

namespace TunFlow.Network;

/// <summary>Lets one reader wait for "something is there", again and again without allocating.</summary>
/// <remarks>
/// At most one waiter; the owner's lock guards <see cref="TryStartWait"/> and <see cref="TakeWaiter"/>. The waiter is completed exactly once by whoever
/// takes it: the owner, or the cancellation callback through the owner. Continuations run on the thread pool, never on the writer's thread.
/// </remarks>
internal sealed class ReadSignal : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private bool _waiting;

    /// <summary>Starts to wait. The caller holds the owner's lock.</summary>
    public bool TryStartWait(out ValueTask wait)
    {
        if (_waiting)
        {
            wait = default;
            return false;
        }

        _waiting = true;
        _core.Reset();
        wait = new ValueTask(this, _core.Version);
        return true;
    }

    /// <summary>Takes the right to complete the waiter, if there is one. The caller holds the owner's lock.</summary>
    public bool TakeWaiter()
    {
        bool waiting = _waiting;
        _waiting = false;
        return waiting;
    }

    /// <summary>Wakes the waiter. Only after <see cref="TakeWaiter"/> returned true, outside the lock.</summary>
    public void Wake() => _core.SetResult(true);

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
