using TunFlow.Network;

namespace TunFlow.Devices.Linux;

/// <summary>A place for a packet in native (or pinned) memory, and the packet that was read into it.</summary>
internal unsafe struct NativePacket
{
    internal byte* Data;
    internal int Capacity;
    internal int Length;
    internal PacketOffload Offload;
}
