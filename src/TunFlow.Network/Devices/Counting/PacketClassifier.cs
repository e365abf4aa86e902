namespace TunFlow.Network;

/// <summary>Finds out what a packet carries, from its first bytes and without trusting them.</summary>
internal static class PacketClassifier
{
    private const int MinIp4Header = 20;
    private const int Ip6Header = 40;

    private const int ProtocolIcmp = 1;
    private const int ProtocolTcp = 6;
    private const int ProtocolUdp = 17;
    private const int ProtocolIcmp6 = 58;

    /// <summary>Classifies a packet. Fragments count to the protocol they are a part of.</summary>
    public static PacketClass Classify(ReadOnlySpan<byte> packet) => packet.IsEmpty ? PacketClass.NotIP : (packet[0] >> 4) switch
    {
        4 when packet.Length >= MinIp4Header => packet[9] switch
        {
            ProtocolTcp => PacketClass.Tcp4,
            ProtocolUdp => PacketClass.Udp4,
            ProtocolIcmp => PacketClass.Icmp4,
            _ => PacketClass.Other4,
        },
        6 when packet.Length >= Ip6Header => FindIp6Protocol(packet) switch
        {
            ProtocolTcp => PacketClass.Tcp6,
            ProtocolUdp => PacketClass.Udp6,
            ProtocolIcmp6 => PacketClass.Icmp6,
            _ => PacketClass.Other6,
        },
        _ => PacketClass.NotIP,
    };

    /// <summary>How many ordinary packets a packet stands for: its segments if it is a super-packet, otherwise 1.</summary>
    public static int CountSegments(in PacketBuffer packet)
    {
        PacketOffload offload = packet.Offload;
        if (offload.Gso == GsoType.None || offload.GsoSize == 0)
        {
            return 1;
        }

        // The header length of an offload is a hint only; a super-packet that can't be parsed has to be believed.
        ReadOnlySpan<byte> bytes = packet.Packet.Span;
        int headers = offload.HeaderLength;
        if (offload.Gso != GsoType.Udp)
        {
            headers = TcpHeaders.TryParse(bytes, out TcpHeaders tcp) ? tcp.Payload : headers;
        }
        else if (UdpSegmenter.TryParse(bytes, in offload, out int transport))
        {
            return UdpSegmenter.Count(packet.Length, transport, offload.GsoSize);
        }

        int payload = Math.Max(0, packet.Length - headers);
        return Math.Max(1, (payload + offload.GsoSize - 1) / offload.GsoSize);
    }

    private static int FindIp6Protocol(ReadOnlySpan<byte> packet)
    {
        const int HopByHop = 0, Routing = 43, Fragment = 44, Authentication = 51, DestinationOptions = 60;
        const int Most = 8;
        int next = packet[6];
        int at = Ip6Header;
        for (int i = 0; i < Most; i++)
        {
            if (next is not (HopByHop or Routing or Fragment or Authentication or DestinationOptions))
            {
                return next;
            }

            if (at + 8 > packet.Length)
            {
                return -1;
            }

            // Lengths: RFC 8200 section 4.3 in units of 8 behind the first 8, section 4.5 fixed, RFC 4302 section 2.2 in units of 4 minus 2.
            int length = next switch
            {
                Fragment => 8,
                Authentication => (packet[at + 1] + 2) * 4,
                _ => (packet[at + 1] + 1) * 8,
            };
            next = packet[at];
            at += length;
        }

        return -1;
    }
}
