namespace TunFlow.Network;

/// <summary>A snapshot of what a <see cref="DnsTruncatePacketProxy"/> did since it was created. Counters are read one by one.</summary>
public readonly record struct DnsTruncatePacketProxyStatistics
{
    /// <summary>Sessions open now.</summary>
    public long ActiveSessions { get; init; }

    /// <summary>Sessions ever opened.</summary>
    public long SessionsOpened { get; init; }

    /// <summary>Sessions that ended by <see cref="DnsTruncatePacketProxyOptions.IdleTimeout"/>.</summary>
    public long SessionsExpired { get; init; }

    /// <summary>Queries whose truncated answer the receiver took.</summary>
    public long QueriesAnswered { get; init; }

    /// <summary>Datagrams to other ports than 53.</summary>
    public long DatagramsRefused { get; init; }

    /// <summary>Datagrams to port 53 that are shorter than the header of a DNS message.</summary>
    public long MalformedQueries { get; init; }

    /// <summary>DNS responses sent to port 53, which nobody may answer.</summary>
    public long ResponsesRefused { get; init; }

    /// <summary>Empty datagrams that were ignored, as the contract of the senders says.</summary>
    public long EmptyIgnored { get; init; }

    /// <summary>Answers that the receivers did not take.</summary>
    public long DroppedByReceiver { get; init; }

    /// <summary>Exceptions of receivers while they were disposed by the proxy itself, where nobody could be told.</summary>
    public long DisposeErrors { get; init; }
}
