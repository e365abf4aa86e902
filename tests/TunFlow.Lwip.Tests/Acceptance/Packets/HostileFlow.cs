using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Packets;

/// <summary>The application's side of one connection or session, as far as hostile packets need it. One thread sends; another one tells it what came back.</summary>
internal sealed class HostileFlow
{
    public const int FirstPort = 20_000;

    private readonly byte[] _source;
    private readonly byte[] _destination;
    private uint _expected;
    private uint _acknowledged;

    public HostileFlow(int index)
    {
        bool v4 = index % 2 == 0;
        _source = IPAddress.Parse(v4 ? "10.9.0.7" : "fd09::7").GetAddressBytes();
        _destination = IPAddress.Parse(v4 ? "192.0.2.1" : "2001:db8::1").GetAddressBytes();
        Port = (ushort)(FirstPort + index);
        Next = 0xFFFF_0000u + ((uint)index * 0x0101_0101u);
    }

    public ReadOnlySpan<byte> Source => _source;

    public ReadOnlySpan<byte> Destination => _destination;

    public AddressFamily Family => _source.Length == 4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6;

    public int HeaderLength => _source.Length == 4 ? 20 : 40;

    public ushort Port { get; }

    /// <summary>The sequence number that is sent next.</summary>
    public uint Next { get; set; }

    /// <summary>The sequence number that the stack sends next, as its packets told.</summary>
    public uint Expected => Volatile.Read(ref _expected);

    /// <summary>What the stack acknowledged last.</summary>
    public uint Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>Writes a TCP segment without checksums; returns the packet's length.</summary>
    public int Segment(Span<byte> packet, TcpFlags flags, uint sequence, uint acknowledgment, ushort window, int payload)
    {
        int start = RawPacket.Header(packet, this, PacketBuilder.Tcp, 20 + payload);
        Span<byte> segment = packet[start..];
        segment[..(20 + payload)].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(segment, Port);
        BinaryPrimitives.WriteUInt16BigEndian(segment[2..], 80);
        BinaryPrimitives.WriteUInt32BigEndian(segment[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(segment[8..], acknowledgment);
        (segment[12], segment[13]) = (0x50, (byte)flags);
        BinaryPrimitives.WriteUInt16BigEndian(segment[14..], window);
        return start + 20 + payload;
    }

    /// <summary>Writes a UDP datagram without checksums; returns the packet's length.</summary>
    public int Datagram(Span<byte> packet, ushort port, int payload)
    {
        int start = RawPacket.Header(packet, this, PacketBuilder.Udp, 8 + payload);
        Span<byte> datagram = packet[start..];
        datagram[..(8 + payload)].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(datagram, port);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[2..], 53);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[4..], (ushort)(8 + payload));
        return start + 8 + payload;
    }

    /// <summary>Learns from a packet of the stack whose flow is found by its destination port.</summary>
    public static void Learn(HostileFlow[] flows, ReadOnlySpan<byte> packet)
    {
        int start = packet[0] >> 4 == 4 ? 20 : 40;
        byte protocol = packet[start == 20 ? 9 : 6];
        bool fragment = start == 20 && (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3FFF) != 0;
        if (protocol != PacketBuilder.Tcp || fragment)
            return;
        ReadOnlySpan<byte> segment = packet[start..];
        int index = BinaryPrimitives.ReadUInt16BigEndian(segment[2..]) - FirstPort;
        if ((uint)index >= (uint)flows.Length || flows[index].HeaderLength != start)
            return;
        int payload = segment.Length - (segment[12] >> 4 << 2);
        bool counts = ((TcpFlags)segment[13] & (TcpFlags.Syn | TcpFlags.Fin)) != 0;
        Volatile.Write(ref flows[index]._expected, BinaryPrimitives.ReadUInt32BigEndian(segment[4..]) + (uint)payload + (counts ? 1u : 0));
        if (((TcpFlags)segment[13] & TcpFlags.Ack) != 0)
            Volatile.Write(ref flows[index]._acknowledged, BinaryPrimitives.ReadUInt32BigEndian(segment[8..]));
    }
}
