namespace TunFlow.Network;

/// <summary>The live counters behind <see cref="DnsInterceptPacketProxyStatistics"/>, shared by all sessions of one proxy.</summary>
internal sealed class DnsInterceptCounters : PacketSessionCounters
{
    public long PendingQueries;
    public long QueriesSent;
    public long QueriesRepeated;
    public long QueriesAnswered;
    public long QueriesTimedOut;
    public long QueriesFailed;
    public long QueriesRefused;
    public long MalformedQueries;
    public long MismatchedAnswers;
    public long DefaultSessionsOpened;
    public long DefaultOpenErrors;

    public DnsInterceptPacketProxyStatistics Snapshot() => new()
    {
        ActiveSessions = Volatile.Read(ref ActiveSessions),
        SessionsOpened = Volatile.Read(ref SessionsOpened),
        SessionsExpired = Volatile.Read(ref SessionsExpired),
        PendingQueries = Volatile.Read(ref PendingQueries),
        QueriesSent = Volatile.Read(ref QueriesSent),
        QueriesRepeated = Volatile.Read(ref QueriesRepeated),
        QueriesAnswered = Volatile.Read(ref QueriesAnswered),
        QueriesTimedOut = Volatile.Read(ref QueriesTimedOut),
        QueriesFailed = Volatile.Read(ref QueriesFailed),
        QueriesRefused = Volatile.Read(ref QueriesRefused),
        MalformedQueries = Volatile.Read(ref MalformedQueries),
        MismatchedAnswers = Volatile.Read(ref MismatchedAnswers),
        DefaultSessionsOpened = Volatile.Read(ref DefaultSessionsOpened),
        DefaultOpenErrors = Volatile.Read(ref DefaultOpenErrors),
        EmptyIgnored = Volatile.Read(ref EmptyIgnored),
        DroppedByReceiver = Volatile.Read(ref DroppedByReceiver),
        DisposeErrors = Volatile.Read(ref DisposeErrors),
    };
}
