using System.Net;

namespace TunFlow.Network;

/// <summary>One query that waits for its answer, and the inner session that it went out through.</summary>
/// <param name="session">The outer session.</param>
/// <param name="localResolver">Whom the application asked, as it wrote it.</param>
/// <param name="question">The query up to the end of its question section. Owned.</param>
/// <param name="cancellation">Cancels the opening. Owned.</param>
internal sealed class DnsInterceptQuery(DnsInterceptSession session, IPEndPoint localResolver, byte[] question, CancellationTokenSource cancellation)
    : DnsInterceptChild(session), IPacketErrorReceiver, IIdleSession
{
    private long _lastActivity = session.Proxy.QuerySweeper.TimeProvider.GetTimestamp();
    private int _answered;
    private bool _timedOut;

    public long LastActivity => Volatile.Read(ref _lastActivity);

    public long IdleTicks => Session.Proxy.QuerySweeper.IdleTicks;

    int IIdleSession.SweepIndex { get; set; } = -1;

    public bool IsAnswered => Volatile.Read(ref _answered) != 0;

    public bool TimedOut => Volatile.Read(ref _timedOut);

    /// <summary>Whether a datagram repeats this query.</summary>
    public bool IsRepeatedBy(ReadOnlySpan<byte> payload) => payload.StartsWith(question);

    /// <summary>The query is sent again: its time starts anew.</summary>
    public void Prolong() => Volatile.Write(ref _lastActivity, Session.Proxy.QuerySweeper.TimeProvider.GetTimestamp());

    public override ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ThrowIfEnded();
        if (!Session.Proxy.IsRemoteResolver(source)
            || !DnsDatagrams.IsAnswerTo(payload.Span, question)
            || Interlocked.Exchange(ref _answered, 1) != 0)
        {
            // Dropped without a word to whoever sent it: forged answers come in floods, and the true one may still come.
            Interlocked.Increment(ref Session.Counters.MismatchedAnswers);
            return ValueTask.CompletedTask;
        }

        return DeliverAsync(payload, cancellationToken);
    }

    /// <summary>Tells the application, in its own terms, and goes on: such reports can be forged, too.</summary>
    public ValueTask ReportUnreachableAsync(NetworkError error, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ThrowIfEnded();
        if (!Session.Proxy.IsRemoteResolver(destination))
        {
            return ValueTask.CompletedTask;
        }

        if (Session.Receiver is IPacketErrorReceiver receiver)
        {
            return receiver.ReportUnreachableAsync(error, localResolver, cancellationToken);
        }

        Session.NoteUnreachable(error);
        return ValueTask.CompletedTask;
    }

    public void Expire()
    {
        IdleSweeper sweeper = Session.Proxy.QuerySweeper;
        if (!IsEnded && LastActivity + IdleTicks > sweeper.TimeProvider.GetTimestamp())
        {
            sweeper.Add(this);
            if (IsEnded)
            {
                sweeper.Remove(this);
            }

            return;
        }

        Volatile.Write(ref _timedOut, true);
        if (!IsEnded)
        {
            Interlocked.Increment(ref Session.Counters.QueriesTimedOut);
            _ = EndUnobservedAsync(failed: !IsReady);
        }
    }

    protected override void OnEnding()
    {
        Session.Proxy.QuerySweeper.Remove(this);
        Session.Proxy.LeavePlace();
        if (IsReady)
        {
            // Nothing to cancel; this unlinks it from the caller's token.
            cancellation.Dispose();
        }
        else
        {
            _ = CancelAsync();
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
            Interlocked.Increment(ref Session.Counters.DisposeErrors);
        }

        cancellation.Dispose();
    }

    private async ValueTask DeliverAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        try
        {
            await Session.Receiver.WriteFromAsync(payload, localResolver, cancellationToken).ConfigureAwait(false);
            Interlocked.Increment(ref Session.Counters.QueriesAnswered);
        }
        catch (Exception exception)
        {
            Interlocked.Increment(ref Session.Counters.DroppedByReceiver);
            Session.NoteDeliveryError(exception);
            throw;
        }
        finally
        {
            await EndUnobservedAsync().ConfigureAwait(false);
        }
    }
}
