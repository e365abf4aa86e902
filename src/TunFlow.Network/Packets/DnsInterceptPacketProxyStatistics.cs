namespace TunFlow.Network;

/// <summary>A snapshot of what a <see cref="DnsInterceptPacketProxy"/> did since it was created. Counters are read one by one.</summary>
public readonly record struct DnsInterceptPacketProxyStatistics
{
    /// <summary>Sessions open now.</summary>
    public long ActiveSessions { get; init; }

    /// <summary>Sessions ever opened.</summary>
    public long SessionsOpened { get; init; }

    /// <summary>Sessions that ended because they had no inner session for <see cref="DnsInterceptPacketProxyOptions.QueryTimeout"/>.</summary>
    public long SessionsExpired { get; init; }

    /// <summary>Queries that wait for their answers now.</summary>
    public long PendingQueries { get; init; }

    /// <summary>Queries sent to the remote resolver, repetitions included.</summary>
    public long QueriesSent { get; init; }

    /// <summary>Queries that repeated a pending one and went out through the same inner session.</summary>
    public long QueriesRepeated { get; init; }

    /// <summary>Answers that the receivers took.</summary>
    public long QueriesAnswered { get; init; }

    /// <summary>Queries that ended without an answer by <see cref="DnsInterceptPacketProxyOptions.QueryTimeout"/>.</summary>
    public long QueriesTimedOut { get; init; }

    /// <summary>Queries that could not be sent: the DNS proxy opened no session, or its session refused.</summary>
    public long QueriesFailed { get; init; }

    /// <summary>Queries beyond the limits of pending ones.</summary>
    public long QueriesRefused { get; init; }

    /// <summary>Datagrams to the local resolver that are no DNS query.</summary>
    public long MalformedQueries { get; init; }

    /// <summary>Datagrams dropped because they came from somebody else than the remote resolver, or don't answer the query that their session was opened for.</summary>
    public long MismatchedAnswers { get; init; }

    /// <summary>Sessions opened on the default proxy.</summary>
    public long DefaultSessionsOpened { get; init; }

    /// <summary>Sessions that the default proxy failed to open.</summary>
    public long DefaultOpenErrors { get; init; }

    /// <summary>Empty datagrams that were ignored, as the contract of the senders says.</summary>
    public long EmptyIgnored { get; init; }

    /// <summary>Answers that the receivers did not take.</summary>
    public long DroppedByReceiver { get; init; }

    /// <summary>Exceptions of inner senders and of receivers while they were disposed by the proxy itself, where nobody could be told.</summary>
    public long DisposeErrors { get; init; }
}
