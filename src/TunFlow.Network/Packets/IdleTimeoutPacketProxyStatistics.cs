namespace TunFlow.Network;

/// <summary>A snapshot of what an <see cref="IdleTimeoutPacketProxy"/> did since it was created. Counters are read one by one.</summary>
public readonly record struct IdleTimeoutPacketProxyStatistics
{
    /// <summary>Sessions open now.</summary>
    public long ActiveSessions { get; init; }

    /// <summary>Sessions ever opened.</summary>
    public long SessionsOpened { get; init; }

    /// <summary>Sessions that ended by their timeout.</summary>
    public long SessionsExpired { get; init; }

    /// <summary>Empty datagrams that were ignored, as the contract of the senders says.</summary>
    public long EmptyIgnored { get; init; }

    /// <summary>Exceptions of inner senders and of receivers while they were disposed by the proxy itself, where nobody could be told.</summary>
    public long DisposeErrors { get; init; }
}
