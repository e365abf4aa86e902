namespace TunFlow.Network;

/// <summary>The live counters behind <see cref="DnsTruncatePacketProxyStatistics"/>, shared by all sessions of one proxy.</summary>
internal sealed class DnsTruncateCounters : PacketSessionCounters
{
    public long QueriesAnswered;
    public long DatagramsRefused;
    public long MalformedQueries;
    public long ResponsesRefused;

    public DnsTruncatePacketProxyStatistics Snapshot() => new()
    {
        ActiveSessions = Volatile.Read(ref ActiveSessions),
        SessionsOpened = Volatile.Read(ref SessionsOpened),
        SessionsExpired = Volatile.Read(ref SessionsExpired),
        QueriesAnswered = Volatile.Read(ref QueriesAnswered),
        DatagramsRefused = Volatile.Read(ref DatagramsRefused),
        MalformedQueries = Volatile.Read(ref MalformedQueries),
        ResponsesRefused = Volatile.Read(ref ResponsesRefused),
        EmptyIgnored = Volatile.Read(ref EmptyIgnored),
        DroppedByReceiver = Volatile.Read(ref DroppedByReceiver),
        DisposeErrors = Volatile.Read(ref DisposeErrors),
    };
}
