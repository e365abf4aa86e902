using System.Net;

namespace TunFlow.Network;

/// <content>What is intercepted.</content>
internal sealed partial class DnsInterceptSession
{
    // An unreachable remote resolver that nobody was told of yet; zero is none.
    private int _unreachable;

    /// <summary>For receivers that can't be told: the next query fails.</summary>
    public void NoteUnreachable(NetworkError error) => Volatile.Write(ref _unreachable, (int)error);

    private async ValueTask QueryAsync(ReadOnlyMemory<byte> payload, IPEndPoint localResolver, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfUnreachable();
        int questionEnd = DnsDatagrams.FindQuestionEnd(payload.Span);
        if (questionEnd < 0 || DnsDatagrams.IsResponse(payload.Span))
        {
            Interlocked.Increment(ref Counters.MalformedQueries);
            throw new NetworkException(NetworkError.ProtocolViolation, $"What was sent to the resolver {localResolver} is no DNS query.");
        }

        while (!await TryRepeatAsync(payload, cancellationToken).ConfigureAwait(false)
            && !await TryAskAsync(payload, questionEnd, localResolver, cancellationToken).ConfigureAwait(false))
        {
            // Somebody else asked the same in this very moment: it is a repetition after all.
        }
    }

    /// <returns>False if the query isn't pending.</returns>
    private async ValueTask<bool> TryRepeatAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        DnsInterceptQuery? pending;
        lock (_lock)
        {
            pending = FindLocked(payload.Span);
        }

        if (pending is null)
        {
            return false;
        }

        pending.Prolong();
        Interlocked.Increment(ref Counters.QueriesRepeated);
        if (!pending.IsReady)
        {
            // It goes out as soon as its session is open; once is enough.
            return true;
        }

        try
        {
            await pending.SendAsync(payload, proxy.RemoteResolver, cancellationToken).ConfigureAwait(false);
            Interlocked.Increment(ref Counters.QueriesSent);
            return true;
        }
        catch (Exception exception) when (IsEnd(exception) && IsOpen)
        {
            // It was answered, or given up, in this very moment; or its session is over and didn't say so.
            await pending.EndUnobservedAsync(failed: true).ConfigureAwait(false);
            return false;
        }
        catch (Exception exception)
        {
            throw QueryFailed(exception, pending, cancellationToken);
        }
    }

    /// <returns>False if the query is pending already.</returns>
    private async ValueTask<bool> TryAskAsync(ReadOnlyMemory<byte> payload, int questionEnd, IPEndPoint localResolver, CancellationToken cancellationToken)
    {
        CancellationTokenSource cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _lifetime.Token);
        DnsInterceptQuery query = new(this, localResolver, payload[..questionEnd].ToArray(), cancellation);
        try
        {
            if (!TryEnlist(query, payload.Span))
            {
                cancellation.Dispose();
                return false;
            }
        }
        catch (Exception exception)
        {
            cancellation.Dispose();
            throw Translate(exception, cancellationToken);
        }

        try
        {
            await query.OpenAsync(proxy.DnsProxy).ConfigureAwait(false);
            await query.SendAsync(payload, proxy.RemoteResolver, cancellationToken).ConfigureAwait(false);
            Interlocked.Increment(ref Counters.QueriesSent);
            return true;
        }
        catch (Exception) when (query.IsAnswered)
        {
            // A session that answers before its send returns was disposed for it in the middle of that send.
            Interlocked.Increment(ref Counters.QueriesSent);
            return true;
        }
        catch (Exception exception)
        {
            await query.EndUnobservedAsync(failed: true).ConfigureAwait(false);
            throw QueryFailed(exception, query, cancellationToken);
        }
    }

    /// <returns>False if the query is pending already: with two of it out at once, two ports would be open for one question.</returns>
    private bool TryEnlist(DnsInterceptQuery query, ReadOnlySpan<byte> payload)
    {
        lock (_lock)
        {
            ThrowIfEndingLocked();
            if (FindLocked(payload) is not null)
            {
                return false;
            }

            if (_children.Count(static child => child is DnsInterceptQuery) < proxy.MaxPendingQueriesPerSession && proxy.TryTakePlace())
            {
                _children.Add(query);
                return true;
            }
        }

        Interlocked.Increment(ref Counters.QueriesRefused);
        throw new NetworkException(NetworkError.ResourceExhausted, "Too many DNS queries wait for their answers.");
    }

    private DnsInterceptQuery? FindLocked(ReadOnlySpan<byte> payload)
    {
        foreach (DnsInterceptChild child in _children)
        {
            if (child is DnsInterceptQuery { IsEnded: false } query && query.IsRepeatedBy(payload))
            {
                return query;
            }
        }

        return null;
    }

    private Exception QueryFailed(Exception exception, DnsInterceptQuery query, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref Counters.QueriesFailed);
        if (IsOpen && !cancellationToken.IsCancellationRequested)
        {
            if (query.TimedOut)
            {
                return new NetworkException(NetworkError.TimedOut, "The DNS proxy opened no session in time.", exception);
            }

            if (IsEnd(exception))
            {
                // Not Closed: that would say that this session ended, and the other inner ones with it.
                return new NetworkException(NetworkError.ConnectionAborted, "The session of the DNS proxy ended before the query was sent.", exception);
            }
        }

        return Translate(exception, cancellationToken);
    }

    private void ThrowIfUnreachable()
    {
        NetworkError error = (NetworkError)Interlocked.Exchange(ref _unreachable, 0);
        if (error != NetworkError.Unknown)
        {
            throw new NetworkException(error, $"The resolver can't be reached: {NetworkErrors.Describe(error)}");
        }
    }
}
