using System.Buffers.Binary;

namespace TunFlow.Network;

/// <summary>Cuts a UDP super-packet into the datagrams it stands for, each behind headers of its own (the kernel's __udp_gso_segment).</summary>
internal static class UdpSegmenter
{
    private const int UdpHeader = 8;
    private const int Ip6Header = 40;
    private const byte ProtocolUdp = 17;

    /// <summary>Finds where the UDP header lies. False if this is not a whole, unfragmented UDP packet without extension headers, or has nothing to be cut.</summary>
    public static bool TryParse(ReadOnlySpan<byte> packet, in PacketOffload offload, out int transport)
    {
        transport = packet.IsEmpty ? 0 : (packet[0] >> 4) switch
        {
            4 when packet.Length >= 20 && packet[9] == ProtocolUdp && (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3FFF) == 0 => (packet[0] & 0x0F) * 4,
            6 when packet.Length >= Ip6Header && packet[6] == ProtocolUdp => Ip6Header,
            _ => 0,
        };
        return transport >= 20 && offload.GsoSize > 0 && packet.Length > transport + UdpHeader;
    }

    /// <summary>How many datagrams a super-packet that was parsed stands for.</summary>
    public static int Count(int length, int transport, int size) => (length - transport - UdpHeader + size - 1) / size;

    /// <summary>Writes one datagram, complete with checksums.</summary>
    /// <returns>Its length.</returns>
    public static int Write(ReadOnlySpan<byte> packet, int transport, int size, int index, Span<byte> segment)
    {
        int headers = transport + UdpHeader;
        ReadOnlySpan<byte> payload = packet[(headers + (index * size))..];
        payload = payload[..Math.Min(size, payload.Length)];
        segment = segment[..(headers + payload.Length)];
        packet[..headers].CopyTo(segment);
        payload.CopyTo(segment[headers..]);

        ushort udpLength = (ushort)(segment.Length - transport);
        Span<byte> udp = segment[transport..];
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], udpLength);
        udp.Slice(6, sizeof(ushort)).Clear();
        ReadOnlySpan<byte> addresses;
        if (packet[0] >> 4 == 4)
        {
            ushort identification = BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
            BinaryPrimitives.WriteUInt16BigEndian(segment[2..], (ushort)segment.Length);
            BinaryPrimitives.WriteUInt16BigEndian(segment[4..], unchecked((ushort)(identification + index)));
            segment.Slice(10, sizeof(ushort)).Clear();
            InternetChecksum.Store(segment[10..], (ushort)~InternetChecksum.Fold(InternetChecksum.Add(0, segment[..transport])));
            addresses = segment.Slice(12, 8);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(segment[4..], udpLength);
            addresses = segment.Slice(8, 32);
        }

        ulong sum = InternetChecksum.AddNumber(InternetChecksum.Add(0, addresses), udpLength);
        sum = InternetChecksum.AddNumber(sum, ProtocolUdp);
        InternetChecksum.Store(udp[6..], InternetChecksum.Complete(InternetChecksum.Add(sum, udp)));
        return segment.Length;
    }
}
