namespace TunFlow.Network.Relays;

/// <summary>A snapshot of what a relay, or an adapter of one, did since it was created. Counters are read one by one; what a relay has nothing to do with stays 0.</summary>
public readonly record struct PacketRelayStatistics
{
    /// <summary>Associations, or sessions, open now.</summary>
    public long ActiveAssociations { get; init; }

    /// <summary>Associations ever opened.</summary>
    public long AssociationsOpened { get; init; }

    /// <summary>Associations that ended because nothing was sent for the timeout of this relay.</summary>
    public long AssociationsExpired { get; init; }

    /// <summary>Datagrams handed on for sending.</summary>
    public long DatagramsSent { get; init; }

    /// <summary>Datagrams received whole.</summary>
    public long DatagramsReceived { get; init; }

    /// <summary>Datagrams that could not be sent; the sender was told.</summary>
    public long SendErrors { get; init; }

    /// <summary>Errors while receiving that cost a datagram and did not end the association: undecryptable, malformed.</summary>
    public long ReceiveErrors { get; init; }

    /// <summary>Destinations that were reported as unreachable after a datagram was sent to them.</summary>
    public long UnreachableReports { get; init; }

    /// <summary>Datagrams that were cut, by the transport or by a short buffer, and marked so.</summary>
    public long DatagramsTruncated { get; init; }

    /// <summary>Datagrams dropped because their source was not an IP endpoint.</summary>
    public long DroppedUnknownSource { get; init; }

    /// <summary>Datagrams, and reports of unreachable destinations, dropped because nobody received for too long and the queue was full.</summary>
    public long DroppedQueueFull { get; init; }

    /// <summary>Datagrams that the receiver of a session did not take.</summary>
    public long DroppedByReceiver { get; init; }

    /// <summary>Exceptions of foreign code in disposals where nobody could be told.</summary>
    public long DisposeErrors { get; init; }
}
