using System.Buffers.Binary;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Packets;

/// <summary>Writes packets into spans, right or wrong, without allocating.</summary>
internal static class RawPacket
{
    /// <summary>Writes an IP header in front of <paramref name="payload"/> bytes and returns where they start.</summary>
    public static int Header(Span<byte> packet, HostileFlow flow, byte protocol, int payload)
    {
        int start = flow.HeaderLength;
        Span<byte> header = packet[..start];
        header.Clear();
        if (start == 20)
        {
            header[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)(start + payload));
            (header[8], header[9]) = (64, protocol);
            flow.Source.CopyTo(header[12..]);
            flow.Destination.CopyTo(header[16..]);
        }
        else
        {
            header[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)payload);
            (header[6], header[7]) = (protocol, 64);
            flow.Source.CopyTo(header[8..]);
            flow.Destination.CopyTo(header[24..]);
        }

        return start;
    }

    /// <summary>Corrects the checksums, as far as the headers can be followed.</summary>
    public static void FixChecksums(Span<byte> packet)
    {
        if (packet.Length >= 20 && packet[0] >> 4 == 4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], 0);
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], InternetSum.Finish(InternetSum.Add(0, packet[..20])));
            int total = Math.Min(packet.Length, BinaryPrimitives.ReadUInt16BigEndian(packet[2..]));
            bool whole = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3FFF) == 0;
            if (whole && total > 20 && packet[0] == 0x45)
                FixTransport(packet[12..16], packet[16..20], packet[9], packet[20..total]);
        }
        else if (packet.Length >= 40 && packet[0] >> 4 == 6)
        {
            int total = Math.Min(packet.Length, 40 + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]));
            FixTransport(packet[8..24], packet[24..40], packet[6], packet[40..total]);
        }
    }

    private static void FixTransport(ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination, byte protocol, Span<byte> segment)
    {
        int place = protocol switch
        {
            PacketBuilder.Tcp => 16,
            PacketBuilder.Udp => 6,
            PacketBuilder.Icmp or PacketBuilder.IcmpV6 => 2,
            _ => int.MaxValue,
        };
        if (segment.Length < place + 2L)
            return;
        BinaryPrimitives.WriteUInt16BigEndian(segment[place..], 0);
        ushort sum = protocol == PacketBuilder.Icmp
            ? InternetSum.Finish(InternetSum.Add(0, segment))
            : InternetSum.Transport(source, destination, protocol, segment);
        BinaryPrimitives.WriteUInt16BigEndian(segment[place..], sum == 0 && protocol == PacketBuilder.Udp ? (ushort)0xFFFF : sum);
    }
}
