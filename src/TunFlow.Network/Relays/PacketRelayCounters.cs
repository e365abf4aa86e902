namespace TunFlow.Network.Relays;

/// <summary>The live counters behind <see cref="PacketRelayStatistics"/>, shared by all associations of one relay.</summary>
internal sealed class PacketRelayCounters
{
    public long ActiveAssociations;
    public long AssociationsOpened;
    public long AssociationsExpired;
    public long DatagramsSent;
    public long DatagramsReceived;
    public long SendErrors;
    public long ReceiveErrors;
    public long UnreachableReports;
    public long DatagramsTruncated;
    public long DroppedUnknownSource;
    public long DroppedQueueFull;
    public long DroppedByReceiver;
    public long DisposeErrors;

    public void Opened()
    {
        Interlocked.Increment(ref AssociationsOpened);
        Interlocked.Increment(ref ActiveAssociations);
    }

    public PacketRelayStatistics Snapshot() => new()
    {
        ActiveAssociations = Volatile.Read(ref ActiveAssociations),
        AssociationsOpened = Volatile.Read(ref AssociationsOpened),
        AssociationsExpired = Volatile.Read(ref AssociationsExpired),
        DatagramsSent = Volatile.Read(ref DatagramsSent),
        DatagramsReceived = Volatile.Read(ref DatagramsReceived),
        SendErrors = Volatile.Read(ref SendErrors),
        ReceiveErrors = Volatile.Read(ref ReceiveErrors),
        UnreachableReports = Volatile.Read(ref UnreachableReports),
        DatagramsTruncated = Volatile.Read(ref DatagramsTruncated),
        DroppedUnknownSource = Volatile.Read(ref DroppedUnknownSource),
        DroppedQueueFull = Volatile.Read(ref DroppedQueueFull),
        DroppedByReceiver = Volatile.Read(ref DroppedByReceiver),
        DisposeErrors = Volatile.Read(ref DisposeErrors),
    };
}
