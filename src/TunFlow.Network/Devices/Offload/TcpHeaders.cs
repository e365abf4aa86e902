using System.Buffers.Binary;

namespace TunFlow.Network;

/// <summary>Where the headers of a TCP packet lie, in bytes from its start.</summary>
/// <param name="Version">4 or 6.</param>
/// <param name="Transport">The offset of the TCP header.</param>
/// <param name="Payload">The offset of the payload, which is the length of all headers.</param>
internal readonly record struct TcpHeaders(int Version, int Transport, int Payload)
{
    internal const int ChecksumOffset = 16;

    private const int ProtocolTcp = 6;
    private const int MinTcpHeader = 20;
    private const int Ip6Header = 40;

    /// <summary>Finds the headers. False if this is not a whole, unfragmented TCP packet whose length fields agree with its length.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> packet, out TcpHeaders headers)
    {
        headers = default;
        int transport = packet.IsEmpty ? -1 : (packet[0] >> 4) switch
        {
            4 => FindAfterIp4(packet),
            6 => FindAfterIp6(packet),
            _ => -1,
        };
        if (transport < 0 || packet.Length < transport + MinTcpHeader)
        {
            return false;
        }

        int payload = transport + ((packet[transport + 12] >> 4) * 4);
        if (payload < transport + MinTcpHeader || payload > packet.Length)
        {
            return false;
        }

        headers = new TcpHeaders(packet[0] >> 4, transport, payload);
        return true;
    }

    private static int FindAfterIp4(ReadOnlySpan<byte> packet)
    {
        const int MinIp4Header = 20;
        const int MoreFragmentsAndOffset = 0x3FFF;
        if (packet.Length < MinIp4Header
            || BinaryPrimitives.ReadUInt16BigEndian(packet[2..]) != packet.Length
            || (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & MoreFragmentsAndOffset) != 0
            || packet[9] != ProtocolTcp)
        {
            return -1;
        }

        int length = (packet[0] & 0x0F) * 4;
        return length >= MinIp4Header ? length : -1;
    }

    private static int FindAfterIp6(ReadOnlySpan<byte> packet)
    {
        const int MaxExtensionHeaders = 8;
        if (packet.Length < Ip6Header || BinaryPrimitives.ReadUInt16BigEndian(packet[4..]) + Ip6Header != packet.Length)
        {
            return -1;
        }

        int next = packet[6];
        int at = Ip6Header;
        for (int i = 0; i < MaxExtensionHeaders; i++)
        {
            if (next == ProtocolTcp)
            {
                return at;
            }

            // Hop-by-hop options, routing, destination options (RFC 8200, section 4); a fragment cannot be cut again.
            if (next is not (0 or 43 or 60) || at + 8 > packet.Length)
            {
                return -1;
            }

            next = packet[at];
            at += (packet[at + 1] + 1) * 8;
        }

        return -1;
    }
}
