using System.Buffers.Binary;
using System.Net;

namespace TunFlow.Testing.Packets;

/// <summary>A packet taken apart, its lengths and checksums verified.</summary>
public sealed class ParsedPacket
{
    private ParsedPacket(byte[] packet)
    {
        bool v4 = packet[0] >> 4 == 4;
        Require(v4 || packet[0] >> 4 == 6, "version");
        Header = v4 ? 20 : 40;
        Require(packet.Length >= Header, "length of the IP header");
        Require(!v4 || packet[0] == 0x45, "IPv4 options");
        int total = v4 ? BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(2)) : 40 + BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(4));
        Require(total == packet.Length, $"length in the IP header ({total} of {packet.Length})");
        Require(!v4 || InternetSum.Finish(InternetSum.Add(0, packet.AsSpan(0, 20))) == 0, "IPv4 header checksum");
        Protocol = v4 ? packet[9] : packet[6];
        ReadOnlySpan<byte> source = v4 ? packet.AsSpan(12, 4) : packet.AsSpan(8, 16);
        ReadOnlySpan<byte> destination = v4 ? packet.AsSpan(16, 4) : packet.AsSpan(24, 16);
        Raw = packet;
        ushort fragment = v4 ? BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(6)) : (ushort)0;
        IsFragment = (fragment & 0x3FFF) != 0 || (!v4 && Protocol == 44);
        ReadOnlySpan<byte> transport = packet.AsSpan(Header);
        if (!IsFragment && (Protocol is PacketBuilder.Tcp or PacketBuilder.Udp or PacketBuilder.IcmpV6))
            Require(InternetSum.Transport(source, destination, Protocol, transport) == 0, $"transport checksum of protocol {Protocol}");
        if (!IsFragment && Protocol == PacketBuilder.Icmp)
            Require(InternetSum.Finish(InternetSum.Add(0, transport)) == 0, "ICMP checksum");
        bool hasPorts = !IsFragment && (Protocol is PacketBuilder.Tcp or PacketBuilder.Udp);
        Source = new IPEndPoint(new IPAddress(source), hasPorts ? BinaryPrimitives.ReadUInt16BigEndian(transport) : 0);
        Destination = new IPEndPoint(new IPAddress(destination), hasPorts ? BinaryPrimitives.ReadUInt16BigEndian(transport[2..]) : 0);
    }

    public byte[] Raw { get; }

    public int Header { get; }

    public byte Protocol { get; }

    public bool IsFragment { get; }

    public IPEndPoint Source { get; }

    public IPEndPoint Destination { get; }

    public uint Sequence => BinaryPrimitives.ReadUInt32BigEndian(Raw.AsSpan(Header + 4));

    public uint Acknowledgment => BinaryPrimitives.ReadUInt32BigEndian(Raw.AsSpan(Header + 8));

    public TcpFlags Flags => (TcpFlags)(Raw[Header + 13] & 0x1F);

    public int Window => BinaryPrimitives.ReadUInt16BigEndian(Raw.AsSpan(Header + 14));

    public ReadOnlySpan<byte> TcpOptions => Raw.AsSpan(Header + 20, (Raw[Header + 12] >> 4) * 4 - 20);

    /// <summary>The payload of TCP, UDP or ICMP (behind its 8 bytes), or of the IP packet.</summary>
    public ReadOnlyMemory<byte> Payload => Protocol switch
    {
        _ when IsFragment => Raw.AsMemory(Header),
        PacketBuilder.Tcp => Raw.AsMemory(Header + (Raw[Header + 12] >> 4) * 4),
        PacketBuilder.Udp or PacketBuilder.Icmp or PacketBuilder.IcmpV6 => Raw.AsMemory(Header + 8),
        _ => Raw.AsMemory(Header),
    };

    public byte IcmpType => Raw[Header];

    public byte IcmpCode => Raw[Header + 1];

    public bool IsUnreachable => (Protocol == PacketBuilder.Icmp && IcmpType == 3) || (Protocol == PacketBuilder.IcmpV6 && IcmpType == 1);

    /// <summary>Takes a packet apart.</summary>
    /// <exception cref="FormatException">Something in it is wrong.</exception>
    public static ParsedPacket Parse(ReadOnlySpan<byte> packet)
    {
        Require(packet.Length >= 20, "length");
        return new ParsedPacket(packet.ToArray());
    }

    public override string ToString() => Protocol == PacketBuilder.Tcp && !IsFragment
        ? $"TCP {Source} > {Destination} {Flags} seq {Sequence} ack {Acknowledgment} win {Window} len {Payload.Length}"
        : $"protocol {Protocol} {Source} > {Destination} len {Payload.Length}";

    private static void Require(bool condition, string what)
    {
        if (!condition)
            throw new FormatException($"The packet's {what} is wrong.");
    }
}
