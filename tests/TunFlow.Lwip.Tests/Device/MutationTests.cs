using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <summary>Packets that no host sends: whatever they are, a write never throws, and what is dropped is counted.</summary>
[TestFixture]
[Category("Campaign")]
internal sealed class MutationTests : DeviceFixture
{
    private static readonly IPEndPoint s_app4 = IPEndPoint.Parse("10.9.0.2:5000");
    private static readonly IPEndPoint s_app6 = IPEndPoint.Parse("[fd09::2]:5000");

    protected override LwipDeviceOptions Options => new() { MaxNativeBytes = 32 * 1024 * 1024 };

    [Test, Weakness(6), Weakness(31)]
    public async Task Every_length_to_64_with_every_version_is_dropped_and_counted_once()
    {
        byte[] packet = new byte[64];
        long dropped = 0;
        foreach (byte fill in new byte[] { 0x00, 0xFF, 0x45 })
        {
            packet.AsSpan().Fill(fill);
            for (int length = 0; length <= 64; length++)
            {
                for (int version = 0; version < 16; version++)
                {
                    packet[0] = (byte)((version << 4) | (fill & 0xF));
                    await Device.WriteAsync(packet.AsMemory(0, length));
                    Assert.That(Statistics.Drops.Total, Is.EqualTo(++dropped), $"length {length}, version {version}, filled with {fill}");
                }
            }
        }

        Assert.That((Statistics.PacketsIn, Statistics.PacketsOut, Statistics.Flows, Statistics.Sessions), Is.EqualTo((dropped, 0L, 0, 0)));
        await ConnectAsync();
    }

    [TestCase(4), Weakness(6), Weakness(27)]
    [TestCase(6)]
    public async Task Each_bit_that_flips_on_the_way_costs_the_packet(int family)
    {
        (IPEndPoint app, IPEndPoint server) = family == 4 ? (s_app4, Server4) : (s_app6, Server6);
        byte[][] packets =
        [
            PacketBuilder.TcpSegment(app, server, 1000, 0, TcpFlags.Syn, 65_535, [2, 4, 5, 0xB4, 1, 3, 3, 4]),
            PacketBuilder.UdpDatagram(app, server, "payload"u8),
        ];
        long flipped = 0;
        foreach (byte[] packet in packets)
        {
            for (int bit = 0; bit < packet.Length * 8; bit++)
            {
                // No checksum covers these of IPv6: traffic class, flow label, hop limit. They change nothing that matters here.
                if (family == 6 && bit is (>= 4 and < 32) or (>= 56 and < 64))
                    continue;
                packet[bit / 8] ^= (byte)(0x80 >> (bit % 8));
                await Device.WriteAsync(packet);
                packet[bit / 8] ^= (byte)(0x80 >> (bit % 8));
                Assert.That(Statistics.Drops.Total, Is.EqualTo(++flipped), $"bit {bit} of {Convert.ToHexString(packet)}");
            }
        }

        Assert.That((Statistics.FlowsPending, Statistics.Sessions, Link.PacketCount, Dialer.Calls, Proxy.Calls), Is.EqualTo((0, 0, 0L, 0, 0)));
    }

    [Test, Weakness(6)]
    public async Task Random_and_mutated_packets_are_taken_or_counted_and_the_device_goes_on()
    {
        Random random = new(6);
        byte[][] seeds = [.. Seeds()];
        byte[] packet = new byte[1500];
        int rounds = Campaign.Rounds(60_000, 3_000_000);
        for (int i = 0; i < rounds; i++)
        {
            int length = Mutate(random, seeds, packet);
            // Half of them get past the checksums, to what lies behind.
            PacketOffload offload = i % 2 == 0 ? default : new PacketOffload { Checksum = ChecksumState.Valid };
            await Device.WriteBatchAsync(new[] { new PacketBuffer(packet, length, offload) });
            if (i % 1000 == 999)
Time.Advance(TimeSpan.FromMilliseconds(500));
        }

        LwipStatistics statistics = Statistics;
        Assert.That(statistics.Drops.Total, Is.GreaterThan(rounds / 4));
        Assert.That(statistics.NativeBytesPeak, Is.LessThanOrEqualTo(32 * 1024 * 1024));
        Assert.That((statistics.Asserts, statistics.UnexpectedExceptions), Is.EqualTo((0L, 0L)));
        // A connection as ever, once those that were made up have had their time.
        await AdvanceAsync(TimeSpan.FromSeconds(30), () => Statistics.FlowsPending + Statistics.FlowsHalfOpen == 0);
        Dialer.Upstreams.Clear();
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync(IPEndPoint.Parse("203.0.113.7:81"));
        await peer.SendAsync(new byte[5000]);
        await upstream.Received.ReadAtLeastAsync(5000).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
    }

    private static IEnumerable<byte[]> Seeds()
    {
        foreach ((IPEndPoint app, IPEndPoint server) in new[] { (s_app4, Server4), (s_app6, Server6) })
        {
            yield return PacketBuilder.TcpSegment(app, server, 1000, 0, TcpFlags.Syn, 65_535, [2, 4, 5, 0xB4, 1, 3, 3, 4]);
            yield return PacketBuilder.TcpSegment(app, server, 1001, 77, TcpFlags.Ack | TcpFlags.Psh, 500, payload: new byte[100]);
            yield return PacketBuilder.TcpSegment(app, server, 1001, 77, TcpFlags.Rst, 0);
            yield return PacketBuilder.UdpDatagram(app, server, new byte[60]);
            yield return PacketBuilder.EchoRequest(app.Address, server.Address, 1, new byte[20]);
        }

        foreach (byte[] fragment in PacketBuilder.Fragment(PacketBuilder.UdpDatagram(s_app4, Server4, new byte[900]), 400))
            yield return fragment;
        foreach (byte[] fragment in FragmentsV6.Split(PacketBuilder.UdpDatagram(s_app6, Server6, new byte[900]), 400, 7))
            yield return fragment;
    }

    /// <summary>A packet of a few random changes, or random altogether. Returns its length.</summary>
    private static int Mutate(Random random, byte[][] seeds, byte[] packet)
    {
        int kind = random.Next(10);
        if (kind == 0)
        {
            int any = random.Next(1, 200);
            random.NextBytes(packet.AsSpan(0, any));
            packet[0] = (byte)((random.Next(2) == 0 ? 0x40 : 0x60) | (packet[0] & 0xF));
            return any;
        }

        byte[] seed = seeds[random.Next(seeds.Length)];
        seed.CopyTo(packet, 0);
        for (int changes = random.Next(1, 4); changes > 0; changes--)
            packet[random.Next(seed.Length)] = (byte)random.Next(256);
        return kind == 1 ? random.Next(1, seed.Length) : seed.Length;
    }
}
