namespace TunFlow.Network;

/// <summary>The offloads that packets written to a device may carry.</summary>
[Flags]
public enum PacketOffloads
{
    /// <summary>Every packet is complete and no larger than the device's MTU.</summary>
    None = 0,

    /// <summary>The transport checksum may be partial.</summary>
    Checksum = 1,

    /// <summary>TCP segments, over IPv4 and IPv6, may be up to 64 KiB long.</summary>
    TcpSegmentation = 2,

    /// <summary>UDP datagrams may come as one super-packet.</summary>
    UdpSegmentation = 4,
}
