namespace TunFlow.Network.Relays;

/// <content>How an association ends, and which errors tell of it.</content>
internal abstract partial class AssociationBase
{
    public async ValueTask DisposeAsync()
    {
        int previous = Interlocked.Exchange(ref _state, Disposed);
        if (previous == Disposed)
        {
            return;
        }

        OnDisposed();
        ReleaseUnlessReceiving();
        if (previous is Open or Expiring)
        {
            await CloseAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Called once, when the association leaves Open, before its transport is closed. Must not throw.</summary>
    protected virtual void OnEnded()
    {
    }

    /// <summary>Called once, when the association is disposed, beside anything else that may run. Must not throw.</summary>
    protected virtual void OnDisposed()
    {
    }

    /// <summary>Releases what was received but not taken. Called after the end, never beside a receive, perhaps several times. Must not throw.</summary>
    protected virtual void ReleaseReceived()
    {
    }

    /// <summary>Closes the transport. Called once.</summary>
    protected abstract ValueTask CloseCoreAsync();

    /// <summary>Makes the association Closed. Who gets true must call <see cref="CloseUnobservedAsync"/>.</summary>
    protected bool TryEnd()
    {
        int state = Volatile.Read(ref _state);
        while (state is Open or Expiring)
        {
            int seen = Interlocked.CompareExchange(ref _state, Closed, state);
            if (seen == state)
            {
                return true;
            }

            state = seen;
        }

        return false;
    }

    /// <summary>Makes an open association Expiring. Who gets true must call <see cref="TryFinishExpiry"/>.</summary>
    protected bool TryBeginExpiry() => Interlocked.CompareExchange(ref _state, Expiring, Open) == Open;

    /// <summary>Makes an association that is still Expiring Closed, or Open again. Who gets true must call <see cref="CloseUnobservedAsync"/>.</summary>
    protected bool TryFinishExpiry(bool over) => Interlocked.CompareExchange(ref _state, over ? Closed : Open, Expiring) == Expiring && over;

    /// <summary>Takes an association back from its expiry. False if it has ended.</summary>
    protected bool TryStayOpen() => Volatile.Read(ref _state) == Open || Interlocked.CompareExchange(ref _state, Open, Expiring) is Open or Expiring;

    protected async Task CloseUnobservedAsync()
    {
        try
        {
            ReleaseUnlessReceiving();
            await CloseAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Foreign code failed in its disposal and there is no caller to tell.
            Interlocked.Increment(ref counters.DisposeErrors);
        }
    }

    private async ValueTask CloseAsync()
    {
        Interlocked.Decrement(ref counters.ActiveAssociations);
        OnEnded();
        await CloseCoreAsync().ConfigureAwait(false);
    }

    private void ReleaseUnlessReceiving()
    {
        if (!DrainsWhenClosed && Interlocked.CompareExchange(ref _receiving, Releasing, Idle) == Idle)
        {
            ReleaseReceived();
            Volatile.Write(ref _receiving, Idle);
        }
    }

    /// <returns>What to throw instead, or null to let the exception go on.</returns>
    private Exception? SendFailed(Exception exception, CancellationToken cancellationToken)
    {
        if (EndedBy(exception, EndsBySending, cancellationToken) is { } ended)
        {
            return ended;
        }

        if (exception is OperationCanceledException or ArgumentException)
        {
            return null;
        }

        Interlocked.Increment(ref counters.SendErrors);
        return exception is NetworkException ? null : NetworkErrors.Wrap(exception);
    }

    private Exception? ReceiveFailed(Exception exception, CancellationToken cancellationToken)
    {
        if (exception is NetworkException { Destination: not null } && Volatile.Read(ref _state) != Disposed)
        {
            Interlocked.Increment(ref counters.UnreachableReports);
            return null;
        }

        return EndedBy(exception, ends: true, cancellationToken);
    }

    /// <returns>The error of an association that ended, now or before; null if it goes on.</returns>
    private Exception? EndedBy(Exception exception, bool ends, CancellationToken cancellationToken)
    {
        int state = Volatile.Read(ref _state);
        if (state == Disposed)
        {
            return AssociationErrors.Disposed();
        }

        if (exception is OperationCanceledException && cancellationToken.IsCancellationRequested)
        {
            return null;
        }

        if (state is Open or Expiring && !AssociationErrors.IsEnd(exception))
        {
            return null;
        }

        if (ends && TryEnd())
        {
            _ = CloseUnobservedAsync();
        }

        return AssociationErrors.Closed(exception);
    }
}
