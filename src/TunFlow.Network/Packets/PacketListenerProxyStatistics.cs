namespace TunFlow.Network;

/// <summary>A snapshot of what a <see cref="PacketListenerProxy"/> did since it was created. Counters are read one by one.</summary>
public readonly record struct PacketListenerProxyStatistics
{
    /// <summary>Sessions open now.</summary>
    public long ActiveSessions { get; init; }

    /// <summary>Sessions ever opened.</summary>
    public long SessionsOpened { get; init; }

    /// <summary>Sessions that ended by <see cref="PacketListenerProxyOptions.WriteIdleTimeout"/>.</summary>
    public long SessionsExpired { get; init; }

    /// <summary>Datagrams handed to the sockets.</summary>
    public long DatagramsSent { get; init; }

    /// <summary>Datagrams delivered to the receivers.</summary>
    public long DatagramsReceived { get; init; }

    /// <summary>Empty datagrams that were ignored, as the contract of the senders says.</summary>
    public long EmptyIgnored { get; init; }

    /// <summary>Datagrams that the sockets refused to send.</summary>
    public long SendErrors { get; init; }

    /// <summary>Errors while receiving that cost a datagram, or told of an earlier one, and did not end the session: undecryptable, malformed.</summary>
    public long ReceiveErrors { get; init; }

    /// <summary>Destinations that were reported as unreachable after a datagram was sent to them.</summary>
    public long UnreachableReports { get; init; }

    /// <summary>Datagrams dropped because the transport cut them.</summary>
    public long DroppedTruncated { get; init; }

    /// <summary>Datagrams dropped because their source was not an IP endpoint.</summary>
    public long DroppedUnknownSource { get; init; }

    /// <summary>Datagrams that the receivers did not take.</summary>
    public long DroppedByReceiver { get; init; }

    /// <summary>Exceptions of sockets and receivers while they were disposed by the proxy itself, where nobody could be told.</summary>
    public long DisposeErrors { get; init; }
}
