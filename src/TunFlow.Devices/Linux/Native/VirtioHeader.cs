using System.Runtime.InteropServices;
using TunFlow.Network;

namespace TunFlow.Devices.Linux.Native;

/// <summary><c>struct virtio_net_hdr</c> (linux/virtio_net.h), the 10-byte form in the machine's byte order that a TUN with IFF_VNET_HDR puts in front of every packet.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 2)]
internal struct VirtioHeader
{
    internal const int Size = 10;

    private const byte NeedsChecksum = 1;
    private const byte DataValid = 2;
    private const byte GsoTcp4 = 1;
    private const byte GsoTcp6 = 4;
    private const byte GsoUdp = 5;
    private const byte GsoEcn = 0x80;

    internal byte Flags;
    internal byte GsoType;
    internal ushort HeaderLength;
    internal ushort GsoSize;
    internal ushort ChecksumStart;
    internal ushort ChecksumOffset;

    internal static VirtioHeader From(in PacketOffload offload) => new()
    {
        Flags = offload.Checksum switch
        {
            ChecksumState.Partial => NeedsChecksum,
            ChecksumState.Valid => DataValid,
            _ => 0,
        },
        GsoType = offload.Gso switch
        {
            Network.GsoType.Tcp4 => GsoTcp4,
            Network.GsoType.Tcp6 => GsoTcp6,
            Network.GsoType.Udp => GsoUdp,
            _ => 0,
        },
        HeaderLength = offload.HeaderLength,
        GsoSize = offload.GsoSize,
        ChecksumStart = offload.ChecksumStart,
        ChecksumOffset = offload.ChecksumOffset,
    };

    /// <summary>False if the packet is to be cut in a way that has no name here (fragments of UDP, a later invention).</summary>
    internal readonly bool TryGetOffload(out PacketOffload offload)
    {
        bool partial = (Flags & NeedsChecksum) != 0;
        GsoType? gso = (GsoType & ~GsoEcn) switch
        {
            0 => Network.GsoType.None,
            GsoTcp4 => Network.GsoType.Tcp4,
            GsoTcp6 => Network.GsoType.Tcp6,
            GsoUdp => Network.GsoType.Udp,
            _ => null,
        };
        offload = new PacketOffload
        {
            Checksum = partial ? ChecksumState.Partial : (Flags & DataValid) != 0 ? ChecksumState.Valid : ChecksumState.Unverified,
            Gso = gso.GetValueOrDefault(),
            GsoSize = GsoSize,
            HeaderLength = HeaderLength,
            // The kernel leaves them undefined without the flag.
            ChecksumStart = partial ? ChecksumStart : (ushort)0,
            ChecksumOffset = partial ? ChecksumOffset : (ushort)0,
        };
        return gso is not null;
    }
}
