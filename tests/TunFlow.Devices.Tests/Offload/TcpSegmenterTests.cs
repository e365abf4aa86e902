using System.Buffers.Binary;
using System.Net;
using TunFlow.Network;

namespace TunFlow.Devices.Tests;

[TestFixture("10.0.0.1", "10.9.8.7", GsoType.Tcp4)]
[TestFixture("2001:db8::1", "fd00::99", GsoType.Tcp6)]
internal sealed class TcpSegmenterTests
{
    private const byte Fin = 0x01;
    private const byte Push = 0x08;
    private const byte Ack = 0x10;
    private const byte CongestionWindowReduced = 0x80;

    private readonly IPAddress _source;
    private readonly IPAddress _destination;
    private readonly GsoType _gso;

    public TcpSegmenterTests(string source, string destination, GsoType gso)
    {
        _source = IPAddress.Parse(source);
        _destination = IPAddress.Parse(destination);
        _gso = gso;
    }

    [TestCase(1, 1460)]
    [TestCase(1460, 1460)]
    [TestCase(1461, 1460)]
    [TestCase(2920, 1460)]
    [TestCase(60_001, 1448)]
    [TestCase(65_000, 8_940)]
    [TestCase(1000, 1)]
    public void Segments_are_whole_packets_that_add_up_to_the_payload(int payloadLength, int segmentSize)
    {
        byte[] payload = new byte[payloadLength];
        new Random(payloadLength).NextBytes(payload);
        uint start = uint.MaxValue - 500; // wraps on the way
        byte[] packet = Packets.MakeTcp(_source, _destination, start, Fin | Push | Ack | CongestionWindowReduced, payload);
        byte[] original = [.. packet];

        var segmenter = new TcpSegmenter();
        Assert.That(segmenter.TryBegin(packet, Offload(segmentSize)), Is.True);
        var received = new List<byte>();
        for (int i = 0; segmenter.HasSegments; i++)
        {
            byte[] segment = segmenter.Next().ToArray();
            Check(segment, original, i, start + (uint)received.Count, last: !segmenter.HasSegments);
            int headers = Packets.TransportOffset(segment) + 24;
            Assert.That(segment.Length - headers, Is.InRange(1, segmentSize));
            received.AddRange(segment[headers..]);
        }

        Assert.That(received, Is.EqualTo(payload));
    }

    [Test]
    public void One_segmenter_serves_one_packet_after_the_other()
    {
        var segmenter = new TcpSegmenter();
        for (int round = 0; round < 3; round++)
        {
            byte[] packet = Packets.MakeTcp(_source, _destination, 1, Ack, new byte[3000]);
            Assert.That(segmenter.TryBegin(packet, Offload(1000)), Is.True);
            int count = 0;
            for (; segmenter.HasSegments; count++)
                Assert.That(Packets.IsTransportChecksumRight(segmenter.Next().ToArray()), Is.True);
            Assert.That(count, Is.EqualTo(3));
        }
    }

    [Test]
    public void What_is_no_super_packet_is_refused()
    {
        byte[] packet = Packets.MakeTcp(_source, _destination, 1, Ack, new byte[3000]);
        var segmenter = new TcpSegmenter();
        Assert.Multiple(() =>
        {
            Assert.That(segmenter.TryBegin(packet, Offload(0)), Is.False, "no size");
            Assert.That(segmenter.TryBegin(packet, Offload(1000) with { Gso = GsoType.None }), Is.False, "no type");
            Assert.That(segmenter.TryBegin(packet, Offload(1000) with { Gso = GsoType.Udp }), Is.False, "UDP");
            Assert.That(segmenter.TryBegin(packet, Offload(1000) with { Gso = _gso == GsoType.Tcp4 ? GsoType.Tcp6 : GsoType.Tcp4 }), Is.False, "other version");
            Assert.That(segmenter.TryBegin(packet.AsMemory(0, packet.Length - 1), Offload(1000)), Is.False, "length field");
            Assert.That(segmenter.TryBegin(Packets.MakeTcp(_source, _destination, 1, Ack, []), Offload(1000)), Is.False, "no payload");
            Assert.That(segmenter.TryBegin(Memory<byte>.Empty, Offload(1000)), Is.False, "empty");
            Assert.That(segmenter.HasSegments, Is.False);
        });
    }

    [Test]
    public void No_input_makes_it_throw()
    {
        var random = new Random(11);
        byte[] valid = Packets.MakeTcp(_source, _destination, 1, Ack, new byte[300]);
        var segmenter = new TcpSegmenter();
        for (int i = 0; i < 20_000; i++)
        {
            byte[] packet = valid[..random.Next(valid.Length + 1)];
            for (int flips = random.Next(4); flips > 0 && packet.Length > 0; flips--)
                packet[random.Next(Math.Min(packet.Length, 60))] = (byte)random.Next(256);
            if (segmenter.TryBegin(packet, Offload(random.Next(400))))
            {
                int total = 0;
                while (segmenter.HasSegments)
                    total += segmenter.Next().Length;
                Assert.That(total, Is.GreaterThanOrEqualTo(packet.Length));
            }
        }
    }

    [Test]
    public void Segmenting_allocates_nothing()
    {
        byte[] packet = Packets.MakeTcp(_source, _destination, 1, Ack, new byte[60_000]);
        byte[] copy = [.. packet];
        var segmenter = new TcpSegmenter();
        PacketOffload offload = Offload(1400);
        long allocated = 0;
        for (int round = 0; round < 3; round++)
        {
            copy.CopyTo(packet, 0);
            long before = GC.GetAllocatedBytesForCurrentThread();
            bool begun = segmenter.TryBegin(packet, offload);
            while (segmenter.HasSegments)
                _ = segmenter.Next();
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.That(begun, Is.True);
        }

        Assert.That(allocated, Is.Zero);
    }

    private PacketOffload Offload(int size) => new()
    {
        Checksum = ChecksumState.Partial,
        Gso = _gso,
        GsoSize = (ushort)size,
        ChecksumStart = (ushort)(_gso == GsoType.Tcp4 ? 20 : 40),
        ChecksumOffset = 16,
    };

    private void Check(byte[] segment, byte[] original, int index, uint sequence, bool last)
    {
        int transport = Packets.TransportOffset(segment);
        Assert.That(Packets.IsTransportChecksumRight(segment), Is.True, $"TCP checksum of segment {index}");
        Assert.That(BinaryPrimitives.ReadUInt32BigEndian(segment.AsSpan(transport + 4)), Is.EqualTo(sequence));
        Assert.That(segment[(transport + 14)..(transport + 16)], Is.EqualTo(original[(transport + 14)..(transport + 16)]), "window");
        Assert.That(segment[(transport + 20)..(transport + 24)], Is.EqualTo(original[(transport + 20)..(transport + 24)]), "options");
        byte expected = (byte)(Ack | (last ? Fin | Push : 0) | (index == 0 ? CongestionWindowReduced : 0));
        Assert.That(segment[transport + 13], Is.EqualTo(expected), $"flags of segment {index}");
        if (_gso == GsoType.Tcp4)
        {
            Assert.That(Packets.IsIp4ChecksumRight(segment), Is.True);
            Assert.That(BinaryPrimitives.ReadUInt16BigEndian(segment.AsSpan(2)), Is.EqualTo(segment.Length));
            Assert.That(BinaryPrimitives.ReadUInt16BigEndian(segment.AsSpan(4)), Is.EqualTo(0x1234 + index));
        }
        else
        {
            Assert.That(BinaryPrimitives.ReadUInt16BigEndian(segment.AsSpan(4)), Is.EqualTo(segment.Length - 40));
        }
    }
}
