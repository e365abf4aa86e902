using System.Buffers.Binary;

namespace TunFlow.PacketScripts.Language;

/// <summary>Changes to a finished packet, with the checksums made right again.</summary>
internal static class PacketEdit
{
    public static int Header(byte[] packet) => packet[0] >> 4 == 4 ? 20 : 40;

    public static void SetUrgent(byte[] packet, int pointer)
    {
        int tcp = Header(packet);
        packet[tcp + 13] |= 0x20;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(tcp + 18), (ushort)pointer);
        FixTransport(packet);
    }

    /// <summary>Recomputes the IPv4 header's checksum.</summary>
    public static void FixHeader(byte[] packet)
    {
        if (packet[0] >> 4 != 4)
            return;
        int length = (packet[0] & 15) * 4;
        packet[10] = packet[11] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), InternetSum.Finish(InternetSum.Add(0, packet.AsSpan(0, length))));
    }

    /// <summary>Recomputes the checksum of TCP or UDP behind a plain IP header.</summary>
    public static void FixTransport(byte[] packet)
    {
        bool v4 = packet[0] >> 4 == 4;
        byte protocol = v4 ? packet[9] : packet[6];
        Span<byte> segment = packet.AsSpan(Header(packet));
        Span<byte> field = segment[(protocol == PacketBuilder.Tcp ? 16 : 6)..][..2];
        field.Clear();
        ReadOnlySpan<byte> source = v4 ? packet.AsSpan(12, 4) : packet.AsSpan(8, 16);
        ReadOnlySpan<byte> destination = v4 ? packet.AsSpan(16, 4) : packet.AsSpan(24, 16);
        BinaryPrimitives.WriteUInt16BigEndian(field, InternetSum.Transport(source, destination, protocol, segment));
    }
}
