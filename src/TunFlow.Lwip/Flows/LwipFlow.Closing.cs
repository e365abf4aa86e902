using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>The ways to end, and the tasks that tell of it.</content>
internal sealed partial class LwipFlow
{
    /// <summary>How long a disposed connection may go on delivering what was written.</summary>
    public TimeSpan Linger { get; set; } = TimeSpan.FromSeconds(30);

    /// <inheritdoc/>
    public override Task ReadsClosed
    {
        get
        {
            lock (_closedGate)
            {
                return (_readsClosed ??= NewClosedTask(Volatile.Read(ref _endOfStream))).Task;
            }
        }
    }

    /// <inheritdoc/>
    public override Task WritesClosed
    {
        get
        {
            lock (_closedGate)
            {
                return (_writesClosed ??= NewClosedTask(Volatile.Read(ref _writesCompleted))).Task;
            }
        }
    }

    /// <inheritdoc/>
    public override void Abort()
    {
        if (!Interlocked.Exchange(ref _disposed, true))
            ReleaseAborted();
    }

    /// <summary>RST without giving the flow up: the relay closes it later.</summary>
    public void Reset() => _stack.Abort(this);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !Interlocked.Exchange(ref _disposed, true))
        {
            // A write that is cut short must not look like a complete stream to the application.
            if (Volatile.Read(ref _writing) != 0)
                ReleaseAborted();
            else
                Release(Linger);
        }

        base.Dispose(disposing);
    }

    private void ReleaseAborted()
    {
        // Before the stack tells of the abort: to the tasks it is the owner's ending and no error.
        EndReads();
        EndWrites();
        _stack.Abort(this);
        Release(TimeSpan.Zero);
    }

    private void Release(TimeSpan linger)
    {
        _stack.Close(this, linger);
        _readSignal.Set();
        _writeSignal.Set();
        EndReads();
        EndWrites();
    }

    // Most flows are relayed and nobody ever asks for these tasks, so they are made when asked for. Under _closedGate: whoever ends a
    // direction stores that first and then looks for the task under the same lock.
    private TaskCompletionSource NewClosedTask(bool ended)
    {
        TaskCompletionSource source = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (ended || Volatile.Read(ref _disposed))
            source.SetResult();
        else if (IsClosed && ClosedStatus != NativeStatus.Ok)
            Fault(source);
        return source;
    }

    private void EndReads()
    {
        Volatile.Write(ref _endOfStream, true);
        lock (_closedGate)
            _readsClosed?.TrySetResult();
    }

    private void EndWrites()
    {
        lock (_closedGate)
            _writesClosed?.TrySetResult();
    }

    private void FaultClosedTasks()
    {
        lock (_closedGate)
        {
            if (_readsClosed is { } reads)
                Fault(reads);
            if (_writesClosed is { } writes)
                Fault(writes);
        }
    }

    private void Fault(TaskCompletionSource source)
    {
        if (source.TrySetException(Error(ClosedStatus)))
        {
            // Nobody has to look at these tasks; looking here keeps the finalizer from reporting them.
            _ = source.Task.Exception;
        }
    }
}
