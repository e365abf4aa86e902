using System.Buffers.Binary;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Packets;

/// <summary>Makes packets that mean no good: noise, segments of every kind in and out of order, datagrams, fragments, pings, packets of the fuzzer's corpus, and all of these bent. The same seed makes the same ones, as far as the stack answers alike.</summary>
internal sealed class HostileTraffic(int seed, HostileFlow[] flows, IReadOnlyList<byte[]> corpus, int mtu)
{
    private static readonly ushort[] s_windows = [0, 1, 100, 1000, 8000, 60_000, 65_535, 65_535];

    private readonly Random _random = new(seed);

    /// <summary>Whether packets may open, close and reset flows and sessions. Without it they go to those that are there, or nowhere.</summary>
    public bool OpensAndCloses { get; set; } = true;

    /// <summary>Sound datagrams made so far, while nothing opens and closes.</summary>
    public long Datagrams { get; private set; }

    /// <summary>Makes the next packet in the buffer's memory.</summary>
    public void Make(ref PacketBuffer buffer)
    {
        Span<byte> packet = buffer.Memory.Span;
        buffer.Offload = default;
        buffer.Length = OpensAndCloses ? MakeAnything(packet, ref buffer) : MakeHarmless(packet);
    }

    private int MakeAnything(Span<byte> packet, ref PacketBuffer buffer)
    {
        HostileFlow flow = flows[_random.Next(flows.Length)];
        int kind = _random.Next(100);
        int length = kind switch
        {
            < 8 => Noise(packet),
            < 16 => Syn(packet, flow),
            < 20 => Resumed(packet, flow),
            < 46 => InOrder(packet, flow),
            < 60 => AnySegment(packet, flow),
            < 70 => flow.Datagram(packet, (ushort)(_random.Next(8) == 0 ? _random.Next(65_536) : flow.Port), _random.Next(mtu - flow.HeaderLength - 8)),
            < 75 => Fragment(packet, flow),
            < 78 => Echo(packet, flow),
            _ => OfCorpus(packet),
        };
        if (kind is >= 8 and < 78)
            RawPacket.FixChecksums(packet[..length]);
        if (_random.Next(4) == 0)
            Bend(packet[..length]);
        if (_random.Next(16) == 0)
            buffer.Offload = AnyOffload(flow);
        return length;
    }

    private int MakeHarmless(Span<byte> packet)
    {
        HostileFlow flow = flows[_random.Next(flows.Length)];
        int kind = _random.Next(100);
        if (kind < 20)
            return Noise(packet);
        bool bent = kind % 4 == 0;
        uint next = flow.Next;
        int length = kind < 60 ? InOrder(packet, flow) : flow.Datagram(packet, flow.Port, _random.Next(mtu - flow.HeaderLength - 8));
        RawPacket.FixChecksums(packet[..length]);
        if (bent)
        {
            // Its checksum is wrong now: with a corrected one it could be the first packet of somebody else.
            packet[_random.Next(length)] ^= (byte)(1 << _random.Next(8));
            flow.Next = next;
        }
        else if (kind >= 60)
        {
            Datagrams++;
        }

        return length;
    }

    private int Noise(Span<byte> packet)
    {
        int length = _random.Next(1, mtu + 1);
        _random.NextBytes(packet[..length]);
        if (_random.Next(2) == 0)
            packet[0] = (byte)(_random.Next(2) == 0 ? 0x45 : 0x60);
        return length;
    }

    private int Syn(Span<byte> packet, HostileFlow flow)
    {
        if (_random.Next(2) == 0)
            flow.Next += 100_000;
        int length = flow.Segment(packet, TcpFlags.Syn, flow.Next, 0, s_windows[_random.Next(8)], 0);
        flow.Next++;
        return length;
    }

    /// <summary>What an honest application sends next; one in ten ends with FIN where that is allowed.</summary>
    private int InOrder(Span<byte> packet, HostileFlow flow)
    {
        int payload = _random.Next(3) == 0 ? 0 : _random.Next(mtu - flow.HeaderLength - 20);
        TcpFlags flags = TcpFlags.Ack | (OpensAndCloses && _random.Next(10) == 0 ? TcpFlags.Fin : TcpFlags.Psh);
        int length = flow.Segment(packet, flags, flow.Next, flow.Expected, ushort.MaxValue, payload);
        flow.Next += (uint)payload + ((flags & TcpFlags.Fin) != 0 ? 1u : 0);
        return length;
    }

    /// <summary>Goes on, or ends, where the stack waits: what was sent since then was lost.</summary>
    private int Resumed(Span<byte> packet, HostileFlow flow)
    {
        flow.Next = flow.Acknowledged;
        return _random.Next(3) == 0 ? flow.Segment(packet, TcpFlags.Rst | TcpFlags.Ack, flow.Next, flow.Expected, 0, 0) : InOrder(packet, flow);
    }

    private int AnySegment(Span<byte> packet, HostileFlow flow)
    {
        uint sequence = flow.Next + (uint)(_random.Next(3) == 0 ? _random.Next(int.MinValue, int.MaxValue) : _random.Next(-3000, 6000));
        uint acknowledgment = flow.Expected + (uint)(_random.Next(4) switch
        {
            0 => _random.Next(int.MinValue, int.MaxValue),
            1 => _random.Next(-3000, 3000),
            _ => 0,
        });
        return flow.Segment(packet, (TcpFlags)_random.Next(64), sequence, acknowledgment, s_windows[_random.Next(8)], _random.Next(mtu - flow.HeaderLength - 20));
    }

    private int Fragment(Span<byte> packet, HostileFlow flow)
    {
        bool v4 = flow.HeaderLength == 20;
        int payload = _random.Next(1, 64) * 8;
        int extra = v4 ? 0 : 8;
        byte protocol = _random.Next(2) == 0 ? PacketBuilder.Udp : PacketBuilder.Tcp;
        int start = RawPacket.Header(packet, flow, v4 ? protocol : (byte)44, payload + extra);
        _random.NextBytes(packet.Slice(start, payload + extra));
        int offset = _random.Next(8) * payload;
        bool more = _random.Next(3) != 0;
        if (v4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)_random.Next(4));
            BinaryPrimitives.WriteUInt16BigEndian(packet[6..], (ushort)((offset / 8) | (more ? 0x2000 : 0)));
        }
        else
        {
            (packet[40], packet[41]) = (protocol, 0);
            BinaryPrimitives.WriteUInt16BigEndian(packet[42..], (ushort)(offset | (more ? 1 : 0)));
            BinaryPrimitives.WriteInt32BigEndian(packet[44..], _random.Next(4));
        }

        return start + extra + payload;
    }

    private int Echo(Span<byte> packet, HostileFlow flow)
    {
        int payload = _random.Next(mtu - flow.HeaderLength - 8);
        bool v4 = flow.HeaderLength == 20;
        int start = RawPacket.Header(packet, flow, v4 ? PacketBuilder.Icmp : PacketBuilder.IcmpV6, 8 + payload);
        packet.Slice(start, 8 + payload).Clear();
        packet[start] = (byte)(_random.Next(4) == 0 ? _random.Next(256) : v4 ? 8 : 128);
        return start + 8 + payload;
    }

    private int OfCorpus(Span<byte> packet)
    {
        byte[] one = corpus[_random.Next(corpus.Count)];
        one.CopyTo(packet);
        return one.Length;
    }

    private void Bend(Span<byte> packet)
    {
        for (int i = _random.Next(1, 4); i > 0; i--)
            packet[_random.Next(packet.Length)] = (byte)_random.Next(256);
        if (_random.Next(2) == 0)
            RawPacket.FixChecksums(packet);
    }

    private PacketOffload AnyOffload(HostileFlow flow) => new()
    {
        Checksum = (ChecksumState)_random.Next(3),
        Gso = (GsoType)_random.Next(3),
        GsoSize = (ushort)(_random.Next(2) == 0 ? 500 : _random.Next(65_536)),
        HeaderLength = (ushort)(_random.Next(2) == 0 ? flow.HeaderLength + 20 : _random.Next(200)),
        ChecksumStart = (ushort)(_random.Next(2) == 0 ? flow.HeaderLength : _random.Next(200)),
        ChecksumOffset = (ushort)(_random.Next(2) == 0 ? 16 : _random.Next(200)),
    };
}
