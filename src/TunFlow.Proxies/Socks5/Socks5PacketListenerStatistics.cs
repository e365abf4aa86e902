namespace TunFlow.Proxies;

/// <summary>A snapshot of what a <see cref="Socks5PacketListener"/> did since it was created. Counters are read one by one.</summary>
public readonly record struct Socks5PacketListenerStatistics
{
    /// <summary>Associations open now.</summary>
    public long ActiveAssociations { get; init; }

    /// <summary>Associations ever opened.</summary>
    public long AssociationsOpened { get; init; }

    /// <summary>Associations that ended because the server ended their connection, or it broke.</summary>
    public long AssociationsEndedByServer { get; init; }

    /// <summary>Received datagrams that were parts of others (FRAG not 0) and were skipped, as RFC 1928, section 7, allows.</summary>
    public long DroppedFragments { get; init; }

    /// <summary>Received datagrams that were skipped because they had no valid header of SOCKS5: too short, reserved bytes that aren't 0, an unknown type of address.</summary>
    public long DroppedMalformed { get; init; }

    /// <summary>Exceptions of connections and sockets while they were disposed by the association itself, where nobody could be told.</summary>
    public long DisposeErrors { get; init; }
}
