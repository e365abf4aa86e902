using System.Buffers.Binary;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <summary>The MTU, from its least to its most: what is announced, what is taken, what is sent.</summary>
[TestFixture]
internal sealed class MtuTests
{
    private static readonly IPEndPoint s_app4 = IPEndPoint.Parse("10.9.0.2:5000");
    private static readonly IPEndPoint s_app6 = IPEndPoint.Parse("[fd09::2]:5000");
    private static readonly IPEndPoint s_server4 = IPEndPoint.Parse("93.184.216.34:80");
    private static readonly IPEndPoint s_server6 = IPEndPoint.Parse("[2606:2800:220:1::1]:80");

    [TestCase(576, 4), Weakness(20), AcceptanceRow(20)]
    [TestCase(1280, 4)]
    [TestCase(1280, 6)]
    [TestCase(1420, 4)]
    [TestCase(1420, 6)]
    [TestCase(1500, 4)]
    [TestCase(1500, 6)]
    [TestCase(9000, 4)]
    [TestCase(9000, 6)]
    [TestCase(65_535, 4)]
    [TestCase(65_535, 6)]
    public async Task The_MSS_follows_the_MTU_and_no_packet_is_larger(int mtu, int family)
    {
        NativeLibraryRequirement.Check();
        FakeDialer dialer = new();
        // Once from the start, once changed to it while running.
        foreach (int initial in new[] { mtu, mtu == 1500 ? 1280 : 1500 })
        {
            await using LwipDevice device = new(dialer, new FakePacketProxy(), new LwipDeviceOptions { Mtu = initial, TimeProvider = new ManualTimeProvider() });
            device.SetMtu(mtu);
            Recorder recorder = new(device);
            PacketLink link = new(recorder);
            TcpPeer peer = link.CreatePeer(family == 4 ? s_server4 : s_server6);
            // It would take more than the link does.
            peer.Mss = 65_495;
            Assert.That(await peer.ConnectAsync(), Is.True);
            int headers = family == 4 ? 40 : 60;
            Assert.That(recorder.AnnouncedMss, Is.EqualTo(mtu - headers));

            FakeUpstream? upstream = null;
            await Eventually.HoldsAsync(() => dialer.Upstreams.TryDequeue(out upstream), "the dial");
            byte[] data = new byte[200_000];
            new Random(mtu).NextBytes(data);
            Task write = upstream!.Answers.WriteAsync(data).AsTask();
            Assert.That((await peer.ReceiveAsync(data.Length)).AsSpan().SequenceEqual(data), Is.True);
            await write;
            // Full packets, and none above it.
            Assert.That(recorder.Largest, Is.EqualTo(mtu));

            // As large as its own segments may be, upwards.
            peer.Mss = mtu - headers;
            await peer.SendAsync(data);
            System.IO.Pipelines.ReadResult up = await upstream.Received.ReadAtLeastAsync(data.Length).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
            Assert.That(System.Buffers.BuffersExtensions.ToArray(up.Buffer).AsSpan().SequenceEqual(data), Is.True);
        }
    }

    [TestCase(576), Weakness(20)]
    [TestCase(1280)]
    [TestCase(1500)]
    [TestCase(65_535)]
    public async Task One_byte_more_than_the_MTU_is_refused_whole_and_the_MTU_itself_is_taken(int mtu)
    {
        NativeLibraryRequirement.Check();
        FakePacketProxy proxy = new() { OnDatagram = static (_, _, _) => ValueTask.CompletedTask };
        await using LwipDevice device = new(new FakeDialer(), proxy, new LwipDeviceOptions { Mtu = mtu, TimeProvider = new ManualTimeProvider() });

        // 65,536 bytes would be a packet of none, modulo the 16 bits of its length.
        foreach (int length in new[] { mtu + 1, 65_536 + 28, 70_000 })
        {
            Assert.That(
                async () => await device.WriteAsync(new byte[length]),
                Throws.TypeOf<NetworkException>().With.Property(nameof(NetworkException.Error)).EqualTo(NetworkError.MessageTooLarge), $"{length} bytes");
        }

        Assert.That((device.GetStatistics().PacketsIn, device.GetStatistics().Drops.Total), Is.EqualTo((0L, 0L)));
        byte[] payload = new byte[mtu - 28];
        new Random(mtu).NextBytes(payload);
        await device.WriteAsync(PacketBuilder.UdpDatagram(s_app4, s_server4, payload));
        await Eventually.HoldsAsync(() => proxy.Sessions.TryPeek(out FakeSession? session) && session.Received.Count == 1, "the datagram");
        Assert.That(proxy.Sessions.Single().Received.Single().Payload.AsSpan().SequenceEqual(payload), Is.True);
    }

    [Test, Weakness(20)]
    public async Task Below_the_least_MTU_of_IPv6_only_IPv4_is_served()
    {
        NativeLibraryRequirement.Check();
        FakePacketProxy proxy = new();
        await using LwipDevice device = new(new FakeDialer(), proxy, new LwipDeviceOptions { Mtu = 1279, TimeProvider = new ManualTimeProvider() });
        PacketLink link = new(device);

        link.Send(PacketBuilder.UdpDatagram(s_app6, s_server6, [6]));
        link.Send(PacketBuilder.UdpDatagram(s_app4, s_server4, [4]));

        Assert.That((await link.NextAsync()).Payload.ToArray(), Is.EqualTo(new byte[] { 4 }));
        Assert.That((device.GetStatistics().Drops[PacketDropReason.Version], proxy.Calls), Is.EqualTo((1L, 1)));
    }

    /// <summary>Notes what is read from a device.</summary>
    private sealed class Recorder(LwipDevice device) : IIPDevice
    {
        private int _largest;

        public int Mtu => device.Mtu;

        public int Largest => Volatile.Read(ref _largest);

        public int AnnouncedMss { get; private set; }

        public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int length = await device.ReadAsync(buffer, cancellationToken);
            if (length > 0)
            {
                Volatile.Write(ref _largest, Math.Max(_largest, length));
                ParsedPacket packet = ParsedPacket.Parse(buffer.Span[..length]);
                if ((packet.Flags & TcpFlags.Syn) != 0)
                    AnnouncedMss = FindMss(packet.TcpOptions);
            }

            return length;
        }

        public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default) => device.WriteAsync(packet, cancellationToken);

        public ValueTask DisposeAsync() => device.DisposeAsync();

        private static int FindMss(ReadOnlySpan<byte> options)
        {
            for (int i = 0; i < options.Length && options[i] != 0; i += options[i] == 1 ? 1 : options[i + 1])
            {
                if (options[i] == 2)
                    return BinaryPrimitives.ReadUInt16BigEndian(options[(i + 2)..]);
            }

            return 0;
        }
    }
}
