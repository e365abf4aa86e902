namespace TunFlow.Network;

/// <summary>The live counters behind <see cref="PacketListenerProxyStatistics"/>, shared by all sessions of one proxy.</summary>
internal sealed class PacketListenerCounters : PacketSessionCounters
{
    public long DatagramsSent;
    public long DatagramsReceived;
    public long SendErrors;
    public long ReceiveErrors;
    public long UnreachableReports;
    public long DroppedTruncated;
    public long DroppedUnknownSource;

    public PacketListenerProxyStatistics Snapshot() => new()
    {
        ActiveSessions = Volatile.Read(ref ActiveSessions),
        SessionsOpened = Volatile.Read(ref SessionsOpened),
        SessionsExpired = Volatile.Read(ref SessionsExpired),
        DatagramsSent = Volatile.Read(ref DatagramsSent),
        DatagramsReceived = Volatile.Read(ref DatagramsReceived),
        EmptyIgnored = Volatile.Read(ref EmptyIgnored),
        SendErrors = Volatile.Read(ref SendErrors),
        ReceiveErrors = Volatile.Read(ref ReceiveErrors),
        UnreachableReports = Volatile.Read(ref UnreachableReports),
        DroppedTruncated = Volatile.Read(ref DroppedTruncated),
        DroppedUnknownSource = Volatile.Read(ref DroppedUnknownSource),
        DroppedByReceiver = Volatile.Read(ref DroppedByReceiver),
        DisposeErrors = Volatile.Read(ref DisposeErrors),
    };
}
