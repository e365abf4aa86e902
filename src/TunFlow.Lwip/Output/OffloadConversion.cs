using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>Offload headers across the boundary. Both sides mirror virtio_net_hdr, and the enums have the same values.</summary>
internal static class OffloadConversion
{
    public static PacketOffload FromNative(in TfOffload offload) => new()
    {
        Checksum = (ChecksumState)offload.Checksum,
        Gso = (GsoType)offload.GsoType,
        GsoSize = offload.GsoSize,
        HeaderLength = offload.HeaderLength,
        ChecksumStart = offload.ChecksumStart,
        ChecksumOffset = offload.ChecksumOffset,
    };

    public static TfOffload ToNative(in PacketOffload offload) => new()
    {
        Checksum = (byte)offload.Checksum,
        GsoType = (byte)offload.Gso,
        GsoSize = offload.GsoSize,
        HeaderLength = offload.HeaderLength,
        ChecksumStart = offload.ChecksumStart,
        ChecksumOffset = offload.ChecksumOffset,
    };
}
