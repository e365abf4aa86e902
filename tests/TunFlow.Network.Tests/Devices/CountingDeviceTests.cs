using System.Net;
using Moq;
using TunFlow.Testing.Packets;

namespace TunFlow.Network.Tests;

internal sealed class CountingDeviceTests
{
    private static readonly IPEndPoint A4 = IPEndPoint.Parse("10.9.0.2:5000"), B4 = IPEndPoint.Parse("192.0.2.1:7");
    private static readonly IPEndPoint A6 = IPEndPoint.Parse("[fd09::2]:5000"), B6 = IPEndPoint.Parse("[2001:db8::1]:7");

    [Test]
    public async Task Packets_are_counted_by_version_and_protocol_in_each_direction()
    {
        byte[] udp4 = PacketBuilder.UdpDatagram(A4, B4, new byte[2000]);
        byte[] udp6 = PacketBuilder.UdpDatagram(A6, B6, new byte[10]);
        byte[][] packets =
        [
            PacketBuilder.TcpSegment(A4, B4, 1, 0, TcpFlags.Syn, 1), PacketBuilder.TcpSegment(A6, B6, 1, 0, TcpFlags.Syn, 1),
            .. PacketBuilder.Fragment(udp4, 800), udp6,
            PacketBuilder.EchoRequest(A4.Address, B4.Address, 1, "x"u8), PacketBuilder.EchoRequest(A6.Address, B6.Address, 1, "x"u8),
            PacketBuilder.IPPacket(A4.Address, B4.Address, 47, new byte[8]), PacketBuilder.IPPacket(A6.Address, B6.Address, 47, new byte[8]),
            // Behind hop-by-hop options, a fragment header and an authentication header; and a chain that leads nowhere.
            PacketBuilder.IPPacket(A6.Address, B6.Address, 0, [44, 0, 1, 4, 0, 0, 0, 0, 51, 0, 0, 0, 0, 0, 0, 1, 17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, .. udp6[40..]]),
            PacketBuilder.IPPacket(A6.Address, B6.Address, 60, [60, 9, 0, 0, 0, 0, 0, 0]),
            [0x45, 0, 0, 5], [0x60], [0x10, 1, 2, 3],
        ];
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair();
        await using CountingDevice device = new(inner);
        foreach (byte[] packet in packets)
        {
            await device.WriteAsync(packet);
            await other.WriteAsync(packet);
            await other.WriteAsync(packet);
        }

        byte[] buffer = new byte[1500];
        for (int i = 0; i < packets.Length; i++)
        {
            await device.ReadAsync(buffer);
        }

        PacketBuffer[] batch = [.. Enumerable.Range(0, 64).Select(_ => new PacketBuffer(new byte[1500]))];
        Assert.That(await device.ReadBatchAsync(batch), Is.EqualTo(packets.Length));
        CountingDeviceStatistics statistics = device.GetStatistics();
        foreach ((TrafficStatistics traffic, int times) in new[] { (statistics.Written, 1), (statistics.Read, 2) })
        {
            Assert.That(
                new[] { traffic.Tcp4, traffic.Udp4, traffic.Icmp4, traffic.Other4, traffic.Tcp6, traffic.Udp6, traffic.Icmp6, traffic.Other6, traffic.NotIP }.Select(count => count.Packets),
                Is.EqualTo(new[] { 1, 3, 1, 1, 1, 2, 1, 2, 3 }.Select(count => (long)count * times)));
            Assert.That(traffic.Total, Is.EqualTo(new TrafficCount { Packets = packets.Length * times, Bytes = packets.Sum(packet => packet.Length) * times }));
            Assert.That(traffic.Udp4.Bytes, Is.EqualTo((udp4.Length + 40) * times));
            Assert.That((traffic.Segments, traffic.SuperPackets, traffic.PacketsBySize.Sum()), Is.EqualTo((traffic.Total.Packets, 0L, traffic.Total.Packets)));
        }

        await other.DisposeAsync();
    }

    [Test]
    public async Task Super_packets_count_once_and_as_the_segments_they_will_be()
    {
        const PacketOffloads all = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation | PacketOffloads.UdpSegmentation;
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair(new MemoryDeviceOptions { SupportedOffloads = all });
        await using CountingDevice device = new(inner);
        byte[] tcp = PacketBuilder.TcpSegment(A6, B6, 1, 0, TcpFlags.Ack, 1, [1, 1, 1, 1], new byte[10_001]);
        byte[] udp = PacketBuilder.UdpDatagram(A4, B4, new byte[5000]);
        await device.WriteBatchAsync(new PacketBuffer[]
        {
            // The header length is a hint, and this one is wrong.
            new(tcp, tcp.Length, new PacketOffload { Gso = GsoType.Tcp6, GsoSize = 1000, HeaderLength = 20 }),
            new(udp, udp.Length, new PacketOffload { Gso = GsoType.Udp, GsoSize = 1000, HeaderLength = 28 }),
            new(udp, 100, default),
            new(new byte[1501], 1501),
            new(udp, 0),
        });
        CountingDeviceStatistics statistics = device.GetStatistics();
        Assert.That((statistics.Written.Total.Packets, statistics.Written.Segments, statistics.Written.SuperPackets), Is.EqualTo((3, 11 + 5 + 1, 2)));
        Assert.That((statistics.WritesRejected, inner.RejectedPackets), Is.EqualTo((2, 2)));
        Assert.That(statistics.Written.PacketsBySize, Is.EqualTo(new long[] { 0, 1, 0, 0, 0, 0, 1, 1 }));
        await other.DisposeAsync();
    }

    [Test]
    public async Task Errors_are_counted_and_passed_on()
    {
        Mock<IIPDevice> inner = new();
        NetworkException failure = new(NetworkError.Unknown, "EIO", 5);
        inner.SetupGet(device => device.Mtu).Returns(1500);
        inner.SetupSequence(device => device.WriteAsync(It.IsAny<ReadOnlyMemory<byte>>(), It.IsAny<CancellationToken>()))
            .Throws(failure).Returns(ValueTask.FromException(failure)).Throws(new NetworkException(NetworkError.MessageTooLarge)).Throws(new OperationCanceledException());
        inner.SetupSequence(device => device.ReadAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>()))
            .Throws(failure).Returns(ValueTask.FromException<int>(failure)).Throws(new InvalidOperationException()).Throws(new OperationCanceledException());
        await using CountingDevice device = new(inner.Object);
        for (int i = 0; i < 4; i++)
        {
            Exception? written = await Assert.CatchAsync(async () => await device.WriteAsync(new byte[20]));
            Exception? read = await Assert.CatchAsync(async () => await device.ReadAsync(new byte[20]));
            Assert.That((written == failure, read == failure), Is.EqualTo((i < 2, i < 2)));
        }

        CountingDeviceStatistics statistics = device.GetStatistics();
        Assert.That((statistics.WriteErrors, statistics.WritesRejected, statistics.ReadErrors), Is.EqualTo((2, 1, 2)));
        Assert.That((statistics.Written.Total.Packets, statistics.Read.Total.Packets), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task Of_a_batch_over_a_plain_device_only_what_it_took_is_counted_as_written()
    {
        Mock<IIPDevice> inner = new();
        inner.SetupGet(device => device.Mtu).Returns(1500);
        inner.SetupSequence(device => device.WriteAsync(It.IsAny<ReadOnlyMemory<byte>>(), It.IsAny<CancellationToken>()))
            .Returns(ValueTask.CompletedTask).Throws(new NetworkException(NetworkError.Unknown, "EIO", 5)).Returns(ValueTask.CompletedTask)
            .Returns(ValueTask.CompletedTask).Throws(new NetworkException(NetworkError.Closed));
        await using CountingDevice device = new(inner.Object);
        PacketBuffer[] batch = [.. Enumerable.Range(0, 3).Select(_ => new PacketBuffer(PacketBuilder.UdpDatagram(A4, B4, new byte[10]), 38))];
        await device.WriteBatchAsync(batch);
        Assert.That((device.GetStatistics().Written.Udp4, device.RejectedPackets), Is.EqualTo((new TrafficCount { Packets = 2, Bytes = 76 }, 1L)));
        Assert.That(async () => await device.WriteBatchAsync(batch), Throws.TypeOf<NetworkException>());
        CountingDeviceStatistics statistics = device.GetStatistics();
        Assert.That((statistics.Written.Udp4.Packets, statistics.WriteErrors), Is.EqualTo((3, 1)), "the first of them was taken before the end");
    }

    [TestCase((ushort)0)]
    [TestCase((ushort)1000)]
    public async Task Datagrams_of_a_super_packet_are_counted_by_its_headers_and_not_by_the_hint(ushort hint)
    {
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair(new MemoryDeviceOptions { SupportedOffloads = PacketOffloads.UdpSegmentation });
        await using CountingDevice device = new(inner);
        foreach (byte[] udp in new[] { PacketBuilder.UdpDatagram(A4, B4, new byte[5000]), PacketBuilder.UdpDatagram(A6, B6, new byte[5000]) })
        {
            await device.WriteBatchAsync(new PacketBuffer[] { new(udp, udp.Length, new PacketOffload { Gso = GsoType.Udp, GsoSize = 1000, HeaderLength = hint }) });
        }

        Assert.That(device.GetStatistics().Written.Segments, Is.EqualTo(10));
        await other.DisposeAsync();
    }

    [Test]
    public async Task A_borrowed_device_is_not_read_any_more_once_the_decorator_is_disposed()
    {
        TaskCompletionSource<int> gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Mock<IIPDevice> inner = new();
        inner.Setup(device => device.ReadAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>())).Returns(new ValueTask<int>(gate.Task));
        CountingDevice device = new(inner.Object, ownsInner: false);
        Task<int> read = device.ReadAsync(new byte[20]).AsTask();
        Task disposal = device.DisposeAsync().AsTask();
        await Task.WhenAny(disposal, Task.Delay(50));
        Assert.That(disposal.IsCompleted, Is.False, "the buffer is still the device's");
        gate.SetResult(20);
        Assert.That(await read.WaitAsync(TimeSpan.FromSeconds(20)), Is.EqualTo(20), "a packet that came first isn't lost");
        await disposal.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Test]
    public async Task Writers_on_many_threads_lose_no_count()
    {
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair(new MemoryDeviceOptions { Capacity = 1 });
        await using CountingDevice device = new(inner);
        byte[] packet = PacketBuilder.UdpDatagram(A4, B4, new byte[10]);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                await device.WriteAsync(packet);
            }
        })));
        Assert.That(device.GetStatistics().Written.Udp4, Is.EqualTo(new TrafficCount { Packets = 80_000, Bytes = 80_000 * packet.Length }));
        await other.DisposeAsync();
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Only_an_owned_device_is_disposed_and_a_borrowed_one_keeps_its_packets(bool owns)
    {
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair();
        CountingDevice device = new(inner, owns);
        Task<int> read = device.ReadAsync(new byte[100]).AsTask();
        await device.DisposeAsync();
        Assert.That(await read.WaitAsync(TimeSpan.FromSeconds(10)), Is.Zero);
        if (owns)
        {
            Assert.That(async () => await inner.WriteAsync(new byte[20]), Throws.TypeOf<ObjectDisposedException>());
        }
        else
        {
            await other.WriteAsync(new byte[33]);
            Assert.That(await device.ReadAsync(new byte[100]), Is.Zero);
            Assert.That(await inner.ReadAsync(new byte[100]), Is.EqualTo(33));
            await inner.WriteAsync(new byte[20]);
            await inner.DisposeAsync();
        }

        await other.DisposeAsync();
    }
}
