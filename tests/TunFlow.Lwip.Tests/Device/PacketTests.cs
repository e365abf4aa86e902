using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

[TestFixture]
internal sealed class PacketTests : DeviceFixture
{
    [Test]
    public async Task Garbage_of_every_short_length_is_dropped_and_counted()
    {
        Random random = new(1);
        long sent = 0;
        for (int length = 0; length < 64; length++)
        {
            for (int version = 0; version < 16; version++)
            {
                byte[] packet = new byte[length];
                random.NextBytes(packet);
                if (length > 0)
                    packet[0] = (byte)((version << 4) | (packet[0] & 0xF));
                await Device.WriteAsync(packet);
                sent++;
            }
        }

        Assert.That(Statistics.Drops.Total, Is.EqualTo(sent));
        await ConnectAsync();
    }

    [Test]
    public async Task A_batch_entry_that_is_too_large_is_dropped_and_the_others_are_taken()
    {
        byte[] good = PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), Server4, "good"u8);
        PacketBuffer[] batch =
        [
            new(new byte[2000], 2000),
            new(good, good.Length),
            new(good, good.Length, new PacketOffload { Gso = GsoType.Udp, GsoSize = 2 }),
        ];
        await Device.WriteBatchAsync(batch);
        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo("good"u8.ToArray()));
        Assert.That(Statistics.Drops[PacketDropReason.Oversized], Is.EqualTo(2));
    }

    [Test]
    public async Task A_partial_checksum_is_accepted_and_a_wrong_one_is_not()
    {
        byte[] packet = PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), Server4, "sum"u8);
        packet[26] ^= 0x55;
        await Device.WriteAsync(packet);
        Assert.That(Statistics.Drops[PacketDropReason.Checksum], Is.EqualTo(1));
        PacketOffload offload = new() { Checksum = ChecksumState.Partial, ChecksumStart = 20, ChecksumOffset = 6 };
        await Device.WriteBatchAsync(new[] { new PacketBuffer(packet, packet.Length, offload) });
        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo("sum"u8.ToArray()));
    }

    [TestCase(4, false)]
    [TestCase(6, false)]
    [TestCase(4, true)]
    [TestCase(6, true)]
    public async Task Echo_requests_are_answered_only_if_asked_for(int family, bool answer)
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { EchoMode = answer ? EchoMode.Answer : EchoMode.Drop });
        PacketLink link = new(device);
        (string source, string destination) = family == 4 ? ("10.9.0.2", "192.0.2.1") : ("fd09::2", "2001:db8::1");
        link.Send(PacketBuilder.EchoRequest(IPAddress.Parse(source), IPAddress.Parse(destination), 7, "hello"u8));
        if (answer)
        {
            ParsedPacket reply = await link.NextAsync();
            Assert.That((reply.Source.Address.ToString(), reply.IcmpType), Is.EqualTo((destination, (byte)(family == 4 ? 0 : 129))));
            Assert.That(reply.Payload.ToArray(), Is.EqualTo("hello"u8.ToArray()));
        }
        else
        {
            Assert.That(device.GetStatistics().Drops[PacketDropReason.Echo], Is.EqualTo(1));
        }
    }

    [Test]
    public async Task Fragments_of_a_datagram_are_put_together()
    {
        byte[] payload = new byte[5000];
        new Random(2).NextBytes(payload);
        Proxy.OnDatagram = static (_, _, _) => ValueTask.CompletedTask;
        foreach (byte[] fragment in PacketBuilder.Fragment(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), Server4, payload), 1480))
            await Device.WriteAsync(fragment);
        await Eventually.HoldsAsync(() => Proxy.Sessions.TryPeek(out FakeSession? s) && s.Received.Count == 1, "the datagram");
        Assert.That(Proxy.Sessions.Single().Received.Single().Payload.AsSpan().SequenceEqual(payload), Is.True);
    }

    [Test]
    public async Task Output_that_nobody_reads_is_bounded()
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { OutputQueueBytes = 128 * 1024, TimeProvider = Time });
        await device.WriteAsync(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), Server4, "open"u8));
        await Eventually.HoldsAsync(() => Proxy.Sessions.Count == 1, "the session");
        IPacketResponseReceiver receiver = Proxy.Sessions.Single().Receiver;
        int refused = 0;
        for (int i = 0; i < 1000; i++)
        {
            try
            {
                await receiver.WriteFromAsync(new byte[1000], Server4);
            }
            catch (NetworkException exception) when (exception.Error == NetworkError.ResourceExhausted)
            {
                refused++;
            }
        }

        Assert.That(refused, Is.InRange(800, 950));
        Assert.That(device.GetStatistics(), Has.Property(nameof(LwipStatistics.NativeBytes)).LessThan(4_000_000));
        await device.DisposeAndDrainAsync();
    }

    [Test]
    public async Task Super_packets_are_handed_over_only_if_asked_for()
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions
        {
            TimeProvider = Time, ReadOffloads = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation,
        });
        PacketLink link = new(device);
        TcpPeer peer = link.CreatePeer(Server4);
        Assert.That(await peer.ConnectAsync(), Is.True);
        // The link reads packet by packet, and each of them is complete: ParsedPacket verifies it.
        FakeUpstream upstream = Dialer.Upstreams.Single();
        byte[] data = new byte[200_000];
        new Random(3).NextBytes(data);
        await upstream.Answers.WriteAsync(data);
        Assert.That((await peer.ReceiveAsync(data.Length)).AsSpan().SequenceEqual(data), Is.True);
        LwipStatistics statistics = device.GetStatistics();
        Assert.That(link.PacketCount, Is.GreaterThan(statistics.PacketsOut), "packets that were cut out of super-packets");
    }
}
