namespace TunFlow.Network;

/// <summary>How a super-packet is to be cut into segments (VIRTIO_NET_HDR_GSO_*).</summary>
public enum GsoType
{
    /// <summary>An ordinary packet.</summary>
    None = 0,

    /// <summary>TCP over IPv4.</summary>
    Tcp4 = 1,

    /// <summary>TCP over IPv6.</summary>
    Tcp6 = 2,

    /// <summary>UDP datagrams of equal size behind one header (UDP_L4).</summary>
    Udp = 3,
}
