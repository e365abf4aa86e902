namespace TunFlow.Network;

/// <summary>What every packet proxy counts, shared by all its sessions.</summary>
internal class PacketSessionCounters
{
    public long ActiveSessions;
    public long SessionsOpened;
    public long SessionsExpired;
    public long EmptyIgnored;
    public long DroppedByReceiver;
    public long DisposeErrors;
}
