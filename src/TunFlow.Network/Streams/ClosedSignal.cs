namespace TunFlow.Network;

/// <summary>A one-shot "this direction is over" task that costs nothing until somebody asks for it.</summary>
internal sealed class ClosedSignal
{
    private static readonly object s_completed = new();

    // null: open, nobody asked; TaskCompletionSource: somebody asked; s_completed or Exception: over before anybody asked.
    private object? _state;

    public Task Task
    {
        get
        {
            while (true)
            {
                object? state = Volatile.Read(ref _state);
                switch (state)
                {
                    case TaskCompletionSource source:
                        return source.Task;
                    case null:
                        Interlocked.CompareExchange(ref _state, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), null);
                        break;
                    case Exception exception:
                        TaskCompletionSource faulted = new(TaskCreationOptions.RunContinuationsAsynchronously);
                        SetException(faulted, exception);
                        Interlocked.CompareExchange(ref _state, faulted, state);
                        break;
                    default:
                        return Task.CompletedTask;
                }
            }
        }
    }

    public void Complete()
    {
        if (Interlocked.CompareExchange(ref _state, s_completed, null) is TaskCompletionSource source)
        {
            source.TrySetResult();
        }
    }

    public void Fail(Exception exception)
    {
        if (Interlocked.CompareExchange(ref _state, exception, null) is TaskCompletionSource source)
        {
            SetException(source, exception);
        }
    }

    private static void SetException(TaskCompletionSource source, Exception exception)
    {
        if (source.TrySetException(exception))
        {
            // Whoever doesn't look at this task sees the same error from the calls: it isn't an unobserved one.
            _ = source.Task.Exception;
        }
    }
}
