using System.Net;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Network.Tests;

/// <content>Super-packets.</content>
internal sealed partial class ImpairmentDeviceTests
{
    [Test]
    public async Task A_super_packet_is_cut_so_that_each_segment_has_its_own_fate()
    {
        await using Bench bench = new(_time, new LinkImpairment { Loss = 0.3 });
        byte[] tcp = PacketBuilder.TcpSegment(IPEndPoint.Parse("10.9.0.2:1"), IPEndPoint.Parse("192.0.2.1:2"), 1000, 1, TcpFlags.Ack | TcpFlags.Psh, 9, payload: new byte[40_000]);
        byte[] udp = PacketBuilder.UdpDatagram(IPEndPoint.Parse("[fd09::2]:1"), IPEndPoint.Parse("[2001:db8::1]:2"), new byte[30_001]);
        byte[][] originals = [[.. tcp], [.. udp]];
        await bench.Device.WriteBatchAsync(new PacketBuffer[]
        {
            new(tcp, tcp.Length, new PacketOffload { Gso = GsoType.Tcp4, GsoSize = 1000, Checksum = ChecksumState.Partial, ChecksumStart = 20, ChecksumOffset = 16 }),
            new(udp, udp.Length, new PacketOffload { Gso = GsoType.Udp, GsoSize = 1000, Checksum = ChecksumState.Partial, ChecksumStart = 40, ChecksumOffset = 6 }),
        });
        Assert.That(bench.Written.Packets, Is.EqualTo(40 + 31));
        // Every segment is complete: lengths and checksums are verified here.
        ParsedPacket[] arrived = [.. bench.TakeAll().Select(packet => ParsedPacket.Parse(packet))];
        Assert.That(arrived, Has.Length.EqualTo(71 - bench.Written.Lost));
        Assert.That(bench.Written.Lost, Is.EqualTo(21).Within(15));
        Assert.That(arrived.Where(packet => packet.Protocol == PacketBuilder.Tcp).Select(packet => (packet.Sequence - 1000) % 1000), Is.All.Zero);
        Assert.That(new[] { tcp, udp }, Is.EqualTo(originals), "the writer's packets are the writer's");
    }

    [TestCase(false, GsoType.Tcp4)]
    [TestCase(false, GsoType.Udp)]
    [TestCase(true, GsoType.Tcp6)]
    [TestCase(true, GsoType.Udp)]
    public async Task Segments_hold_what_the_super_packet_held_with_flags_and_numbers_of_their_own(bool version6, GsoType kind)
    {
        await using Bench bench = new(_time, new LinkImpairment());
        IPEndPoint from = IPEndPoint.Parse(version6 ? "[fd09::2]:1" : "10.9.0.2:1"), to = IPEndPoint.Parse(version6 ? "[2001:db8::1]:2" : "192.0.2.1:2");
        byte[] payload = new byte[2501];
        new Random(3).NextBytes(payload);
        const TcpFlags all = TcpFlags.Ack | TcpFlags.Psh | TcpFlags.Fin;
        byte[] packet = kind == GsoType.Udp ? PacketBuilder.UdpDatagram(from, to, payload) : PacketBuilder.TcpSegment(from, to, uint.MaxValue - 500, 1, all, 9, payload: payload);
        int transport = version6 ? 40 : 20;
        if (kind != GsoType.Udp)
        {
            packet[transport + 13] |= 0x80; // CWR
        }

        if (!version6)
        {
            (packet[4], packet[5]) = (0xFF, 0xFF);
        }

        await bench.Device.WriteBatchAsync(new PacketBuffer[]
        {
            new(packet, packet.Length, new PacketOffload { Gso = kind, GsoSize = 833, Checksum = ChecksumState.Partial, ChecksumStart = (ushort)transport, ChecksumOffset = 16 }),
        });
        ParsedPacket[] segments = [.. bench.TakeAll().Select(segment => ParsedPacket.Parse(segment))]; // verifies lengths and checksums
        Assert.That(segments.Select(segment => segment.Payload.Length), Is.EqualTo(new[] { 833, 833, 833, 2 }));
        Assert.That(segments.SelectMany(segment => segment.Payload.ToArray()), Is.EqualTo(payload));
        if (!version6)
        {
            Assert.That(segments.Select(segment => (segment.Raw[4] << 8) | segment.Raw[5]), Is.EqualTo(new[] { 0xFFFF, 0, 1, 2 }), "identifications");
        }

        if (kind != GsoType.Udp)
        {
            Assert.That(segments.Select(segment => segment.Sequence), Is.EqualTo(Enumerable.Range(0, 4).Select(i => unchecked(uint.MaxValue - 500 + (uint)(i * 833)))));
            Assert.That(segments.Select(segment => segment.Flags), Is.EqualTo(new[] { TcpFlags.Ack, TcpFlags.Ack, TcpFlags.Ack, all }));
            Assert.That(segments.Select(segment => segment.Raw[transport + 13] & 0x80), Is.EqualTo(new[] { 0x80, 0, 0, 0 }), "CWR");
        }
    }

    [Test]
    public async Task Segments_larger_than_the_MTU_and_offloads_that_contradict_the_packet_are_rejected_and_counted()
    {
        await using Bench bench = new(_time, new LinkImpairment());
        byte[] tcp = PacketBuilder.TcpSegment(IPEndPoint.Parse("10.9.0.2:1"), IPEndPoint.Parse("192.0.2.1:2"), 1000, 1, TcpFlags.Ack, 9, payload: new byte[4000]);
        byte[] udp = MakePacket(1);
        await bench.Device.WriteBatchAsync(new PacketBuffer[]
        {
            new(tcp, tcp.Length, new PacketOffload { Gso = GsoType.Tcp4, GsoSize = 2000 }),
            new(tcp, tcp.Length, new PacketOffload { Gso = GsoType.Tcp6, GsoSize = 1000 }),
            new(tcp, tcp.Length, new PacketOffload { Gso = GsoType.Tcp4, GsoSize = 0 }),
            new(tcp, tcp.Length, new PacketOffload { Gso = GsoType.Udp, GsoSize = 1000 }),
            new(udp, udp.Length, new PacketOffload { Checksum = ChecksumState.Partial, ChecksumStart = 20, ChecksumOffset = 1000 }),
        });
        Assert.That((bench.Device.RejectedPackets, bench.Written.Packets, bench.TakeAll().Count), Is.EqualTo((5, 0, 0)));
    }
}
