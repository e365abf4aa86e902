namespace TunFlow.Devices.Linux;

/// <summary>What a non-blocking read found.</summary>
internal enum TunReadStatus
{
    /// <summary>A packet.</summary>
    Packet,

    /// <summary>Nothing now.</summary>
    WouldBlock,

    /// <summary>A packet that was dropped and counted, because what it leaves to do has no name in <see cref="Network.PacketOffload"/>. There may be more.</summary>
    Dropped,

    /// <summary>Nothing ever again: see <see cref="TunDescriptor.Failure"/>.</summary>
    Closed,
}
