namespace TunFlow.Network;

/// <summary>What the sender of a packet left for the receiver of it to do. Mirrors <c>struct virtio_net_hdr</c> of linux/virtio_net.h; the default value means nothing was left.</summary>
/// <remarks>All offsets and lengths are in bytes; offsets count from the start of the IP header.</remarks>
public readonly record struct PacketOffload
{
    /// <summary>The state of the transport checksum.</summary>
    public ChecksumState Checksum { get; init; }

    /// <summary>How the payload is to be cut into segments; <see cref="GsoType.None"/> for an ordinary packet.</summary>
    public GsoType Gso { get; init; }

    /// <summary>The payload bytes of each segment (the MSS) when <see cref="Gso"/> isn't <see cref="GsoType.None"/>.</summary>
    public ushort GsoSize { get; init; }

    /// <summary>The length of the IP and transport headers together, repeated in front of each segment. A hint: receivers check it against the headers.</summary>
    public ushort HeaderLength { get; init; }

    /// <summary>Where the checksummed part starts when <see cref="Checksum"/> is <see cref="ChecksumState.Partial"/>: the offset of the transport header.</summary>
    public ushort ChecksumStart { get; init; }

    /// <summary>Where the checksum is to be stored, counted from <see cref="ChecksumStart"/>: 16 for TCP, 6 for UDP.</summary>
    public ushort ChecksumOffset { get; init; }

    /// <summary>The offloads that a device must support to take this packet.</summary>
    public PacketOffloads Required =>
        (Checksum == ChecksumState.Partial ? PacketOffloads.Checksum : PacketOffloads.None)
        | Gso switch
        {
            GsoType.None => PacketOffloads.None,
            GsoType.Udp => PacketOffloads.UdpSegmentation,
            _ => PacketOffloads.TcpSegmentation,
        };
}
