using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace TunFlow.Testing.Packets;

/// <summary>Makes complete IPv4 and IPv6 packets.</summary>
public static class PacketBuilder
{
    public const byte Icmp = 1;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte IcmpV6 = 58;

    public static byte[] TcpSegment(
        IPEndPoint source, IPEndPoint destination, uint sequence, uint acknowledgment, TcpFlags flags, int window,
        ReadOnlySpan<byte> options = default, ReadOnlySpan<byte> payload = default)
    {
        byte[] segment = new byte[20 + options.Length + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(segment, (ushort)source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), (ushort)destination.Port);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(4), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(8), acknowledgment);
        segment[12] = (byte)((20 + options.Length) / 4 << 4);
        segment[13] = (byte)flags;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(14), (ushort)window);
        options.CopyTo(segment.AsSpan(20));
        payload.CopyTo(segment.AsSpan(20 + options.Length));
        return Transport(source.Address, destination.Address, Tcp, segment, 16);
    }

    public static byte[] UdpDatagram(IPEndPoint source, IPEndPoint destination, ReadOnlySpan<byte> payload)
    {
        byte[] datagram = new byte[8 + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(datagram, (ushort)source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(2), (ushort)destination.Port);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
        payload.CopyTo(datagram.AsSpan(8));
        return Transport(source.Address, destination.Address, Udp, datagram, 6);
    }

    public static byte[] EchoRequest(IPAddress source, IPAddress destination, ushort identifier, ReadOnlySpan<byte> payload)
    {
        bool v4 = source.AddressFamily == AddressFamily.InterNetwork;
        byte[] message = new byte[8 + payload.Length];
        message[0] = v4 ? (byte)8 : (byte)128;
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(4), identifier);
        payload.CopyTo(message.AsSpan(8));
        if (v4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), InternetSum.Finish(InternetSum.Add(0, message)));
            return IPPacket(source, destination, Icmp, message);
        }

        return Transport(source, destination, IcmpV6, message, 2);
    }

    /// <summary>Splits an IPv4 packet into fragments that carry at most the given number of bytes (a multiple of 8) each.</summary>
    public static IReadOnlyList<byte[]> Fragment(byte[] packet, int size)
    {
        List<byte[]> fragments = [];
        int payload = packet.Length - 20;
        for (int offset = 0; offset < payload; offset += size)
        {
            int length = Math.Min(size, payload - offset);
            byte[] fragment = new byte[20 + length];
            packet.AsSpan(0, 20).CopyTo(fragment);
            packet.AsSpan(20 + offset, length).CopyTo(fragment.AsSpan(20));
            BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(2), (ushort)fragment.Length);
            BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(4), 0x4242);
            bool more = offset + length < payload;
            BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(6), (ushort)((more ? 0x2000 : 0) | (offset / 8)));
            fragment[10] = fragment[11] = 0;
            BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(10), InternetSum.Finish(InternetSum.Add(0, fragment.AsSpan(0, 20))));
            fragments.Add(fragment);
        }

        return fragments;
    }

    private static byte[] Transport(IPAddress source, IPAddress destination, byte protocol, byte[] segment, int checksumOffset)
    {
        ushort sum = InternetSum.Transport(source.GetAddressBytes(), destination.GetAddressBytes(), protocol, segment);
        // 0 means "none" in UDP (RFC 768); its other representation is sent instead.
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(checksumOffset), sum == 0 && protocol == Udp ? (ushort)0xFFFF : sum);
        return IPPacket(source, destination, protocol, segment);
    }

    public static byte[] IPPacket(IPAddress source, IPAddress destination, byte protocol, ReadOnlySpan<byte> payload)
    {
        bool v4 = source.AddressFamily == AddressFamily.InterNetwork;
        int header = v4 ? 20 : 40;
        byte[] packet = new byte[header + payload.Length];
        payload.CopyTo(packet.AsSpan(header));
        if (v4)
        {
            packet[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
            packet[8] = 64;
            packet[9] = protocol;
            source.GetAddressBytes().CopyTo(packet, 12);
            destination.GetAddressBytes().CopyTo(packet, 16);
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), InternetSum.Finish(InternetSum.Add(0, packet.AsSpan(0, 20))));
        }
        else
        {
            packet[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)payload.Length);
            packet[6] = protocol;
            packet[7] = 64;
            source.GetAddressBytes().CopyTo(packet, 8);
            destination.GetAddressBytes().CopyTo(packet, 24);
        }

        return packet;
    }
}
