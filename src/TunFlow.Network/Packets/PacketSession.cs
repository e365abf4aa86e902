using System.Net;

namespace TunFlow.Network;

/// <summary>What the sessions of all packet proxies have in common: who ends them, once, and which error a call gets afterwards.</summary>
/// <remarks>
/// <para>Theory of operation. State goes Open -> Closed (idle, upstream gone, receiver gone) -> Disposed, or Open -> Disposed, by compare-and-swap.
/// Whoever leaves Open closes the upstream and then the receiver, once; everybody else returns at once, so that a receiver which disposes the sender
/// from within its own disposal, as the contract allows, can't dead-lock. The state tells a caller which error an upstream that vanished underneath means.</para>
/// <para>A datagram that meets the expiry is never lost silently. A write stores its time and then looks at the state, and takes the session back from
/// Expiring to Open; an expiry goes to Expiring, looks at the time, and closes only what is still Expiring. So either the write fails with Closed, before
/// anything was sent, and the session is over, or the session lives on.</para>
/// </remarks>
internal abstract class PacketSession(IPacketResponseReceiver receiver, IdleSweeper sweeper, PacketSessionCounters counters) : IPacketRequestSender, IIdleSession
{
    private const int DnsPort = 53;

    private const int Open = 0;
    private const int Expiring = 1;
    private const int Closed = 2;
    private const int Disposed = 3;

    // Which timeout holds.
    private const int NothingSent = 0;
    private const int OnlyDns = 1;
    private const int Ordinary = 2;

    private readonly TimeProvider _timeProvider = sweeper.TimeProvider;
    private long _lastActivity = sweeper.TimeProvider.GetTimestamp();
    private int _state;
    private int _kind = sweeper.DnsIdleTicks == sweeper.IdleTicks ? Ordinary : NothingSent;

    public long LastActivity => Volatile.Read(ref _lastActivity);

    public long IdleTicks => Volatile.Read(ref _kind) == OnlyDns ? sweeper.DnsIdleTicks : sweeper.IdleTicks;

    int IIdleSession.SweepIndex { get; set; } = -1;

    protected TimeProvider TimeProvider => _timeProvider;

    /// <summary>Where responses go. Owned: disposed when the session ends.</summary>
    internal IPacketResponseReceiver Receiver => receiver;

    protected bool IsOpen => Volatile.Read(ref _state) <= Expiring;

    /// <summary>Whether something keeps the session alive although nothing is sent.</summary>
    protected virtual bool IsBusy => false;

    public abstract ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default);

    public ValueTask DisposeAsync() =>
        Interlocked.Exchange(ref _state, Disposed) is Open or Expiring ? CloseAsync() : ValueTask.CompletedTask;

    public void Expire()
    {
        if (Interlocked.CompareExchange(ref _state, Expiring, Open) != Open)
        {
            return;
        }

        bool busy = IsBusy;
        bool over = !busy && LastActivity + IdleTicks <= _timeProvider.GetTimestamp();
        if (busy)
        {
            Prolong();
        }

        int seen = Interlocked.CompareExchange(ref _state, over ? Closed : Open, Expiring);
        if (over && seen == Expiring)
        {
            Interlocked.Increment(ref counters.SessionsExpired);
            _ = CloseUnobservedAsync();
        }
        else if (seen is Open or Expiring)
        {
            sweeper.Add(this);
            if (!IsOpen)
            {
                // It ended in between and was not there to be removed.
                sweeper.Remove(this);
            }
        }
    }

    internal static bool IsEnd(Exception exception) => exception is ObjectDisposedException or NetworkException { Error: NetworkError.Closed };

    /// <summary>Ends the session by itself: later calls fail with <see cref="NetworkError.Closed"/>.</summary>
    internal void End()
    {
        if (TryLeaveOpen())
        {
            _ = CloseUnobservedAsync();
        }
    }

    /// <summary>As <see cref="End"/>, for a caller that can wait.</summary>
    internal ValueTask EndAsync() => TryLeaveOpen() ? new ValueTask(CloseUnobservedAsync()) : ValueTask.CompletedTask;

    /// <summary>Takes part in the sweeps from now on. To be called once, when everything that closing needs is in place.</summary>
    protected void Begin()
    {
        Interlocked.Increment(ref counters.SessionsOpened);
        Interlocked.Increment(ref counters.ActiveSessions);
        sweeper.Add(this);
    }

    /// <summary>Notes that something is sent, and fails if the session is over.</summary>
    protected void EnterWrite(int port)
    {
        // A full fence: see the remarks.
        Interlocked.Exchange(ref _lastActivity, _timeProvider.GetTimestamp());
        if (Volatile.Read(ref _state) != Open)
        {
            Interlocked.CompareExchange(ref _state, Open, Expiring);
            ThrowIfNotOpen();
        }

        if (_kind != Ordinary)
        {
            AdaptTimeout(port);
        }
    }

    /// <summary>Notes activity.</summary>
    protected void Prolong() => Volatile.Write(ref _lastActivity, _timeProvider.GetTimestamp());

    /// <summary>An empty datagram, which the contract says to ignore: it isn't activity either.</summary>
    protected ValueTask IgnoreEmpty()
    {
        ThrowIfNotOpen();
        Interlocked.Increment(ref counters.EmptyIgnored);
        return ValueTask.CompletedTask;
    }

    /// <summary>Which exception a call gets for what came out of a callee. An upstream that says that it is closed ends the session.</summary>
    protected Exception Translate(Exception exception, CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _state) == Disposed)
        {
            return new ObjectDisposedException(nameof(IPacketRequestSender));
        }

        if (exception is OperationCanceledException cancellation && cancellationToken.IsCancellationRequested)
        {
            return cancellation.CancellationToken == cancellationToken
                ? cancellation
                : new OperationCanceledException(cancellation.Message, cancellation, cancellationToken);
        }

        if (!IsOpen || IsEnd(exception))
        {
            End();
            return exception is NetworkException { Error: NetworkError.Closed } ? exception : ClosedError(exception);
        }

        return NetworkErrors.Wrap(exception);
    }

    /// <summary>Closes what the session sends to.</summary>
    protected abstract ValueTask CloseUpstreamAsync();

    private static NetworkException ClosedError(Exception? cause = null) => new(NetworkError.Closed, "The packet session has ended.", cause);

    private void ThrowIfNotOpen()
    {
        switch (Volatile.Read(ref _state))
        {
            case Closed:
                throw ClosedError();
            case Disposed:
                throw new ObjectDisposedException(nameof(IPacketRequestSender));
        }
    }

    private void AdaptTimeout(int port)
    {
        if (port != DnsPort)
        {
            Volatile.Write(ref _kind, Ordinary);
        }
        else if (Interlocked.CompareExchange(ref _kind, OnlyDns, NothingSent) == NothingSent)
        {
            sweeper.Reschedule(this);
        }
    }

    private bool TryLeaveOpen()
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

    private async ValueTask CloseAsync()
    {
        sweeper.Remove(this);
        Interlocked.Decrement(ref counters.ActiveSessions);
        try
        {
            await CloseUpstreamAsync().ConfigureAwait(false);
        }
        finally
        {
            await receiver.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task CloseUnobservedAsync()
    {
        try
        {
            await CloseAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Foreign code failed in its disposal and there is no caller to tell.
            Interlocked.Increment(ref counters.DisposeErrors);
        }
    }
}
