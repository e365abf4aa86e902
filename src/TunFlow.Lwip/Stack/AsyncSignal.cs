using System.Threading.Tasks.Sources;

namespace TunFlow.Lwip;

/// <summary>An auto-reset event for one waiter that allocates nothing per wait.</summary>
/// <remarks>
/// <code>
///            Set                WaitAsync (completes at once)
///   Idle ---------> Signaled ---------> Idle
///   Idle --WaitAsync--> Waiting --Set | cancel--> Idle (the waiter continues on the thread pool, or on its loop)
/// </code>
/// A signal says "look again", never "there is something": whoever waits checks the state it waits for in a loop. Signals that come
/// while nobody waits are merged into one. Continuations never run inside <see cref="Set"/>, whose caller may be about to touch the stack again.
/// </remarks>
internal sealed class AsyncSignal : IValueTaskSource, IThreadPoolWorkItem
{
    private const int Idle = 0;
    private const int Signaled = 1;
    private const int Waiting = 2;

    private ManualResetValueTaskSourceCore<bool> _core;
    private CancellationTokenRegistration _registration;
    private OperationCanceledException? _cancelled;
    private IRelayLoop? _waitersLoop;
    private int _state;

    /// <summary>Where waiters continue; null for the thread pool. Counts from the next wait on.</summary>
    public IRelayLoop? Loop { get; set; }

    /// <summary>Lets the waiter go, or the next one.</summary>
    public void Set()
    {
        while (true)
        {
            int state = Volatile.Read(ref _state);
            if (state == Signaled)
                return;
            if (state == Idle)
            {
                if (Interlocked.CompareExchange(ref _state, Signaled, Idle) == Idle)
                    return;
            }
            else if (Interlocked.CompareExchange(ref _state, Idle, Waiting) == Waiting)
            {
                Continue();
                return;
            }
        }
    }

    /// <summary>Waits for a signal. One caller at a time, and the previous result must have been taken.</summary>
    public ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.CompareExchange(ref _state, Idle, Signaled) == Signaled)
            return ValueTask.CompletedTask;
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);

        _core.Reset();
        // Read back by whoever takes the state from Waiting.
        _waitersLoop = Loop;
        _cancelled = null;
        _core.RunContinuationsAsynchronously = _waitersLoop is null;
        short version = _core.Version;
        if (Interlocked.CompareExchange(ref _state, Waiting, Idle) != Idle)
        {
            // Set came between the two exchanges, and only the waiter takes a signal back.
            Volatile.Write(ref _state, Idle);
            return ValueTask.CompletedTask;
        }

        // After the state says Waiting, so that a token that fires right now finds somebody to cancel.
        _registration = cancellationToken.UnsafeRegister(static (self, token) => ((AsyncSignal)self!).Cancel(token), this);
        return new ValueTask(this, version);
    }

    private void Cancel(CancellationToken token)
    {
        if (Interlocked.CompareExchange(ref _state, Idle, Waiting) == Waiting)
        {
            _cancelled = new OperationCanceledException(token);
            Continue();
        }
    }

    private void Continue()
    {
        if (_waitersLoop is { } loop)
            loop.Post(this);
        else
            Complete();
    }

    void IThreadPoolWorkItem.Execute() => Complete();

    private void Complete()
    {
        if (_cancelled is { } cancelled)
            _core.SetException(cancelled);
        else
            _core.SetResult(true);
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource.GetResult(short token)
    {
        // Waits for a callback that is running, so that it can't hit the next wait.
        _registration.Dispose();
        _registration = default;
        _core.GetResult(token);
    }
}
