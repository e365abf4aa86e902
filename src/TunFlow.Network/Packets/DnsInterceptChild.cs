using System.Net;

namespace TunFlow.Network;

/// <summary>An inner session of a <see cref="DnsInterceptSession"/>: owns its sender and is its receiver.</summary>
/// <remarks>
/// Ends once: by its own proxy (which disposes it), by the outer session, or by itself. Whoever ends it disposes the sender; that the sender disposes this
/// receiver in turn finds it ended. A sender that arrives late, because the end came while it was opened, is disposed where it arrives. One timer watches
/// them all, so that a proxy which never opens, whatever it does with its token, holds nobody longer than the query timeout.
/// </remarks>
/// <param name="session">The outer session.</param>
/// <param name="cancellation">Cancels the opening. Owned.</param>
internal abstract class DnsInterceptChild(DnsInterceptSession session, CancellationTokenSource cancellation) : IPacketResponseReceiver, IIdleSession
{
    private readonly CancellationToken _cancelled = cancellation.Token;
    private long _lastActivity = session.Proxy.QuerySweeper.TimeProvider.GetTimestamp();
    private IPacketRequestSender? _sender;
    private int _ended;
    private bool _timedOut;

    public long LastActivity => Volatile.Read(ref _lastActivity);

    public long IdleTicks => session.Proxy.QuerySweeper.IdleTicks;

    int IIdleSession.SweepIndex { get; set; } = -1;

    public bool TimedOut => Volatile.Read(ref _timedOut);

    public bool IsEnded => Volatile.Read(ref _ended) != 0;

    /// <summary>Whether it can send.</summary>
    public bool IsReady => Volatile.Read(ref _sender) is not null;

    protected DnsInterceptSession Session => session;

    /// <summary>Whether its time is still limited.</summary>
    protected virtual bool CanTimeOut => true;

    public abstract ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default);

    /// <summary>Called by its proxy's session, when no more responses will come.</summary>
    public ValueTask DisposeAsync() => EndUnobservedAsync();

    /// <summary>Opens the session. To be called once.</summary>
    public async Task OpenAsync(IPacketProxy proxy)
    {
        Watch();
        Task<IPacketRequestSender> opening = proxy.NewSessionAsync(this, _cancelled).AsTask();
        IPacketRequestSender sender;
        try
        {
            // A proxy may ignore its token; who waits here must not.
            sender = await opening.WaitAsync(_cancelled).ConfigureAwait(false)
                ?? throw new InvalidOperationException("The packet proxy returned no sender.");
        }
        catch
        {
            _ = DisposeLateAsync(opening);
            throw;
        }

        Volatile.Write(ref _sender, sender);

        // The end marks itself before it takes the sender: one of the two sees the other.
        Interlocked.MemoryBarrier();
        if (IsEnded)
        {
            await DisposeSenderAsync().ConfigureAwait(false);
            throw new NetworkException(NetworkError.Closed, "The inner packet session ended while it was opened.");
        }
    }

    public ValueTask SendAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken) =>
        Volatile.Read(ref _sender) is { } sender
            ? sender.WriteToAsync(payload, destination, cancellationToken)
            : throw new NetworkException(NetworkError.Closed, "The inner packet session has ended.");

    public void Expire()
    {
        if (IsEnded || !CanTimeOut)
        {
            return;
        }

        if (LastActivity + IdleTicks > session.Proxy.QuerySweeper.TimeProvider.GetTimestamp())
        {
            Watch();
            return;
        }

        // Before the end, whose consequences look at it.
        Volatile.Write(ref _timedOut, true);
        bool failed = !IsReady;
        if (TryEnd())
        {
            OnTimedOut();
            _ = CloseUnobservedAsync(failed);
        }
    }

    /// <summary>Ends the session; the exception of its sender's disposal is the caller's.</summary>
    /// <param name="failed">Whether it never came to work: then the outer session goes on even if this was the last one.</param>
    public ValueTask EndAsync(bool failed = false) => TryEnd() ? CloseAsync(failed) : ValueTask.CompletedTask;

    public ValueTask EndUnobservedAsync(bool failed = false) => TryEnd() ? new ValueTask(CloseUnobservedAsync(failed)) : ValueTask.CompletedTask;

    /// <summary>Its time starts anew.</summary>
    protected void Restart() => Volatile.Write(ref _lastActivity, session.Proxy.QuerySweeper.TimeProvider.GetTimestamp());

    /// <summary>Its time is over. Called once, before <see cref="OnEnding"/>; must not throw.</summary>
    protected virtual void OnTimedOut()
    {
    }

    /// <summary>Releases what the derived class holds. Called once; must not throw.</summary>
    protected virtual void OnEnding()
    {
    }

    protected void ThrowIfEnded() => ObjectDisposedException.ThrowIf(IsEnded, typeof(IPacketResponseReceiver));

    private void Watch()
    {
        session.Proxy.QuerySweeper.Add(this);
        if (IsEnded)
        {
            // It ended in between and was not there to be removed.
            session.Proxy.QuerySweeper.Remove(this);
        }
    }

    private bool TryEnd() => Interlocked.Exchange(ref _ended, 1) == 0;

    private async ValueTask CloseAsync(bool failed)
    {
        session.Proxy.QuerySweeper.Remove(this);
        OnEnding();
        if (IsReady)
        {
            // Nothing to cancel; this unlinks it from the caller's token.
            cancellation.Dispose();
        }
        else
        {
            _ = CancelAsync();
        }

        try
        {
            await DisposeSenderAsync().ConfigureAwait(false);
        }
        finally
        {
            session.Remove(this, failed);
        }
    }

    private async Task CloseUnobservedAsync(bool failed)
    {
        try
        {
            await CloseAsync(failed).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Foreign code failed in its disposal and there is no caller to tell.
            Interlocked.Increment(ref session.Counters.DisposeErrors);
        }
    }

    private async Task CancelAsync()
    {
        // Not awaited by the end: callbacks of the token are foreign code.
        try
        {
            await cancellation.CancelAsync().ConfigureAwait(false);
        }
        catch (AggregateException)
        {
            Interlocked.Increment(ref session.Counters.DisposeErrors);
        }

        cancellation.Dispose();
    }

    private ValueTask DisposeSenderAsync() => Interlocked.Exchange(ref _sender, null)?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task DisposeLateAsync(Task<IPacketRequestSender> opening)
    {
        IPacketRequestSender? sender;
        try
        {
            sender = await opening.ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Whoever waited for it was told.
            return;
        }

        try
        {
            await (sender?.DisposeAsync() ?? ValueTask.CompletedTask).ConfigureAwait(false);
        }
        catch (Exception)
        {
            Interlocked.Increment(ref session.Counters.DisposeErrors);
        }
    }
}
