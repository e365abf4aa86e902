using System.Net;

namespace TunFlow.Network;

/// <summary>One query that waits for its answer, and the inner session that it went out through.</summary>
/// <param name="session">The outer session.</param>
/// <param name="localResolver">Whom the application asked, as it wrote it.</param>
/// <param name="question">The query up to the end of its question section. Owned.</param>
/// <param name="cancellation">Cancels the opening. Owned.</param>
internal sealed class DnsInterceptQuery(DnsInterceptSession session, IPEndPoint localResolver, byte[] question, CancellationTokenSource cancellation)
    : DnsInterceptChild(session, cancellation), IPacketErrorReceiver
{
    private int _answered;

    public bool IsAnswered => Volatile.Read(ref _answered) != 0;

    /// <summary>Whether a datagram repeats this query.</summary>
    public bool IsRepeatedBy(ReadOnlySpan<byte> payload) => payload.StartsWith(question);

    /// <summary>The query is sent again: its time starts anew.</summary>
    public void Prolong() => Restart();

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

    protected override void OnTimedOut()
    {
        // An answer whose receiver is that slow did come.
        if (!IsAnswered)
        {
            Interlocked.Increment(ref Session.Counters.QueriesTimedOut);
        }
    }

    protected override void OnEnding() => Session.Proxy.LeavePlace();

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
