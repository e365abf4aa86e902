namespace TunFlow.Network;

/// <summary>What traffic is counted by: IP version times protocol.</summary>
internal enum PacketClass
{
    Tcp4,
    Udp4,
    Icmp4,
    Other4,
    Tcp6,
    Udp6,
    Icmp6,
    Other6,

    /// <summary>Neither IPv4 nor IPv6, or too short to tell.</summary>
    NotIP,
}
