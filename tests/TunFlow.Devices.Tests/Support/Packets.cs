using System.Buffers.Binary;
using System.Net;

namespace TunFlow.Devices.Tests;

/// <summary>Packets made and checked the slow, obvious way, independent of the code under test.</summary>
internal static class Packets
{
    internal const byte Tcp = 6;
    internal const byte Udp = 17;

    /// <summary>The checksum of RFC 1071, byte by byte. 0 over data that includes a correct checksum.</summary>
    internal static ushort Checksum(IEnumerable<byte> data)
    {
        uint sum = 0;
        bool high = true;
        foreach (byte b in data)
        {
            sum += high ? (uint)b << 8 : b;
            high = !high;
            if (sum > 0xFFFF)
                sum = (sum & 0xFFFF) + 1;
        }

        return (ushort)~sum;
    }

    internal static int TransportOffset(ReadOnlySpan<byte> packet) => packet[0] >> 4 == 4 ? (packet[0] & 15) * 4 : 40;

    /// <summary>Whether the transport checksum of an IPv4 or plain IPv6 packet is right.</summary>
    internal static bool IsTransportChecksumRight(byte[] packet)
    {
        int transport = TransportOffset(packet);
        bool ip4 = packet[0] >> 4 == 4;
        byte protocol = ip4 ? packet[9] : packet[6];
        ushort length = (ushort)(packet.Length - transport);
        byte[] pseudo = [.. ip4 ? packet[12..20] : packet[8..40], 0, protocol, (byte)(length >> 8), (byte)length];
        return Checksum([.. pseudo, .. packet[transport..]]) == 0;
    }

    internal static bool IsIp4ChecksumRight(byte[] packet) => Checksum(packet[..((packet[0] & 15) * 4)]) == 0;

    /// <summary>A UDP datagram, with correct checksums.</summary>
    internal static byte[] MakeUdp(IPEndPoint source, IPEndPoint destination, byte[] payload)
    {
        byte[] udp = new byte[8 + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(udp, (ushort)source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(2), (ushort)destination.Port);
        BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(4), (ushort)udp.Length);
        payload.CopyTo(udp, 8);
        return Finish(source.Address, destination.Address, Udp, udp, 6);
    }

    /// <summary>A TCP segment with 4 bytes of options, with correct checksums; longer than any MTU if asked for.</summary>
    internal static byte[] MakeTcp(IPAddress source, IPAddress destination, uint sequence, byte flags, byte[] payload)
    {
        byte[] tcp = new byte[24 + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(tcp, 40_000);
        BinaryPrimitives.WriteUInt16BigEndian(tcp.AsSpan(2), 80);
        BinaryPrimitives.WriteUInt32BigEndian(tcp.AsSpan(4), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp.AsSpan(8), 0x01020304);
        tcp[12] = 6 << 4;
        tcp[13] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp.AsSpan(14), 8192);
        tcp.AsSpan(20, 4).Fill(1); // no-operation options
        payload.CopyTo(tcp, 24);
        return Finish(source, destination, Tcp, tcp, 16);
    }

    private static byte[] Finish(IPAddress source, IPAddress destination, byte protocol, byte[] transport, int checksumOffset)
    {
        byte[] from = source.GetAddressBytes();
        byte[] to = destination.GetAddressBytes();
        ushort length = (ushort)transport.Length;
        byte[] pseudo = [.. from, .. to, 0, protocol, (byte)(length >> 8), (byte)length];
        BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(checksumOffset), Checksum([.. pseudo, .. transport]));
        if (from.Length == 16)
        {
            byte[] header6 = [0x60, 0, 0, 0, (byte)(length >> 8), (byte)length, protocol, 64, .. from, .. to];
            return [.. header6, .. transport];
        }

        int total = length + 20;
        byte[] header = [0x45, 0, (byte)(total >> 8), (byte)total, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0, .. from, .. to];
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), Checksum(header));
        return [.. header, .. transport];
    }
}
