namespace TunFlow.Proxies;

/// <summary>The live counters behind <see cref="Socks5PacketListenerStatistics"/>, shared by all associations of one listener.</summary>
internal sealed class Socks5PacketCounters
{
    public long ActiveAssociations;
    public long AssociationsOpened;
    public long AssociationsEndedByServer;
    public long DroppedFragments;
    public long DroppedMalformed;
    public long DisposeErrors;

    public Socks5PacketListenerStatistics Snapshot() => new()
    {
        ActiveAssociations = Volatile.Read(ref ActiveAssociations),
        AssociationsOpened = Volatile.Read(ref AssociationsOpened),
        AssociationsEndedByServer = Volatile.Read(ref AssociationsEndedByServer),
        DroppedFragments = Volatile.Read(ref DroppedFragments),
        DroppedMalformed = Volatile.Read(ref DroppedMalformed),
        DisposeErrors = Volatile.Read(ref DisposeErrors),
    };
}
