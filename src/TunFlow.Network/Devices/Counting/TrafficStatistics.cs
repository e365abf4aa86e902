namespace TunFlow.Network;

/// <summary>What passed a <see cref="CountingDevice"/> in one direction. A snapshot; counters are read one by one while traffic goes on.</summary>
public sealed record TrafficStatistics
{
    /// <summary>The upper bounds in bytes of the classes of <see cref="PacketsBySize"/>: packets without options or payload, small, ..., of Ethernet's MTU, jumbo frames, super-packets.</summary>
    public static IReadOnlyList<int> SizeLimits { get; } = [64, 128, 256, 512, 1024, 1500, 9000, int.MaxValue];

    /// <summary>Everything.</summary>
    public TrafficCount Total => IPv4 + IPv6 + NotIP;

    /// <summary>Everything over IPv4.</summary>
    public TrafficCount IPv4 => Tcp4 + Udp4 + Icmp4 + Other4;

    /// <summary>Everything over IPv6.</summary>
    public TrafficCount IPv6 => Tcp6 + Udp6 + Icmp6 + Other6;

    /// <summary>TCP over IPv4. Fragments count to the protocol they are a part of, here and below.</summary>
    public TrafficCount Tcp4 { get; init; }

    /// <summary>UDP over IPv4.</summary>
    public TrafficCount Udp4 { get; init; }

    /// <summary>ICMP.</summary>
    public TrafficCount Icmp4 { get; init; }

    /// <summary>Other protocols over IPv4.</summary>
    public TrafficCount Other4 { get; init; }

    /// <summary>TCP over IPv6, also behind extension headers.</summary>
    public TrafficCount Tcp6 { get; init; }

    /// <summary>UDP over IPv6.</summary>
    public TrafficCount Udp6 { get; init; }

    /// <summary>ICMPv6.</summary>
    public TrafficCount Icmp6 { get; init; }

    /// <summary>Other protocols over IPv6, and chains of extension headers that don't end.</summary>
    public TrafficCount Other6 { get; init; }

    /// <summary>Neither IPv4 nor IPv6, or shorter than the IP header.</summary>
    public TrafficCount NotIP { get; init; }

    /// <summary>Packets as a wire would see them: each super-packet counts as the segments that it will be cut into.</summary>
    public long Segments { get; init; }

    /// <summary>Super-packets among the packets.</summary>
    public long SuperPackets { get; init; }

    /// <summary>Packets by size: entry i counts those larger than limit i - 1 and not larger than limit i of <see cref="SizeLimits"/>.</summary>
    public IReadOnlyList<long> PacketsBySize { get; init; } = new long[SizeLimits.Count];
}
