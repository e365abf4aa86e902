using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Security.Cryptography;
using TunFlow.Network;

namespace TunFlow.Devices.Tests;

/// <summary>Real traffic: two namespaces, each with a TUN, and this process as the cable between them.</summary>
[TestFixture("10.7.0.1", "10.7.0.2", 24)]
[TestFixture("fd00:7::1", "fd00:7::2", 64)]
internal sealed class TunTrafficTests
{
    private const int TransferSize = 24 << 20;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly IPAddress _left;
    private readonly IPAddress _right;
    private readonly int _prefix;
    private TestNamespace _leftNamespace = null!;
    private TestNamespace _rightNamespace = null!;

    public TunTrafficTests(string left, string right, int prefix)
    {
        _left = IPAddress.Parse(left);
        _right = IPAddress.Parse(right);
        _prefix = prefix;
    }

    [SetUp]
    public void SetUp()
    {
        TestNamespace.Require();
        _leftNamespace = TestNamespace.Create();
        _rightNamespace = TestNamespace.Create();
    }

    [TearDown]
    public void TearDown()
    {
        _leftNamespace?.Dispose();
        _rightNamespace?.Dispose();
    }

    [Test]
    public async Task Super_packets_pass_from_TUN_to_TUN()
    {
        (long packets, long segments) = await TransferAsync(offload: true, PumpBatchesAsync);
        // 24 MiB in segments of 64 KiB at best; without offload it would be 17,000 packets.
        Assert.That(packets, Is.LessThan(6_000));
        Assert.That(segments, Is.Positive);
    }

    [Test]
    public async Task Super_packets_are_cut_for_plain_reads()
    {
        (long packets, _) = await TransferAsync(offload: true, PumpPlainAsync);
        Assert.That(packets, Is.GreaterThan(15_000));
    }

    [Test]
    public async Task Ordinary_packets_pass_without_offload()
    {
        await TransferAsync(offload: false, PumpPlainAsync);
        await TransferAsync(offload: false, PumpBatchesAsync);
    }

    [Test]
    public async Task Ping_is_answered_through_the_cable()
    {
        await using LinuxTunDevice left = Open(_leftNamespace, _left, offload: true);
        await using LinuxTunDevice right = Open(_rightNamespace, _right, offload: true);
        Task forward = PumpPlainAsync(left, right);
        Task back = PumpPlainAsync(right, left);
        foreach (int size in new[] { 0, 56, 1452 })
        {
            PingReply reply = await Task.Run(() => _leftNamespace.Run(() =>
            {
                using var ping = new Ping();
                return ping.Send(_right, 5_000, RandomNumberGenerator.GetBytes(size));
            }));
            Assert.That(reply.Status, Is.EqualTo(IPStatus.Success));
        }

        await left.DisposeAsync();
        await right.DisposeAsync();
        await Task.WhenAll(forward, back).WaitAsync(Limit);
    }

    [Test]
    [Repeat(20)] // an address that is not yet in service drops the first answer, now and then
    public async Task A_datagram_is_answered_by_a_program_that_swaps_addresses()
    {
        foreach (bool offload in new[] { true, false })
        {
            await using LinuxTunDevice device = Open(_leftNamespace, _left, offload);
            Task echo = EchoAsync(device);
            using Socket socket = _leftNamespace.Run(() => new Socket(_left.AddressFamily, SocketType.Dgram, ProtocolType.Udp));
            await socket.ConnectAsync(_right, 7);
            byte[] answer = new byte[2000];
            foreach (int size in new[] { 0, 1, 31, 1000, 1400 })
            {
                byte[] question = RandomNumberGenerator.GetBytes(size);
                await socket.SendAsync(question);
                int length = await socket.ReceiveAsync(answer).WaitAsync(Limit);
                Assert.That(answer[..length], Is.EqualTo(question));
            }

            await device.DisposeAsync();
            await echo.WaitAsync(Limit);
        }
    }

    private LinuxTunDevice Open(TestNamespace place, IPAddress address, bool offload) => place.Run(() =>
    {
        LinuxTunDevice device = LinuxTunDevice.Create(new LinuxTunOptions
        {
            Mtu = 1500,
            Offloads = offload ? PacketOffloads.Checksum | PacketOffloads.TcpSegmentation : PacketOffloads.None,
        });
        device.AddAddress(address, _prefix);
        device.BringUp();
        return device;
    });

    private async Task<(long Packets, long Offloaded)> TransferAsync(bool offload, Func<LinuxTunDevice, LinuxTunDevice, Task<long>> pump)
    {
        await using LinuxTunDevice left = Open(_leftNamespace, _left, offload);
        await using LinuxTunDevice right = Open(_rightNamespace, _right, offload);
        Task<long> forward = Task.Run(() => pump(left, right));
        Task<long> back = Task.Run(() => pump(right, left));
        byte[] data = RandomNumberGenerator.GetBytes(TransferSize);
        byte[] hash = await Task.Run(() => SendAsync(data)).WaitAsync(Limit);
        Assert.That(hash, Is.EqualTo(SHA256.HashData(data)));
        Assert.That(left.GetStatistics().ReadPacketsDropped + right.GetStatistics().WritesDroppedRejected, Is.Zero);
        long packets = left.GetStatistics().PacketsRead;
        long written = right.GetStatistics().PacketsWritten;
        await left.DisposeAsync();
        await right.DisposeAsync();
        long offloaded = await forward.WaitAsync(Limit);
        await back.WaitAsync(Limit);
        return (Math.Max(packets, written), offloaded);
    }

    /// <summary>Sends from left to right and returns the hash of what arrived.</summary>
    private async Task<byte[]> SendAsync(byte[] data)
    {
        using var listener = _rightNamespace.Run(() =>
        {
            var created = new TcpListener(_right, 0);
            created.Start();
            return created;
        });
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using var client = _leftNamespace.Run(() => new Socket(_left.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        Task<Socket> accepting = listener.AcceptSocketAsync();
        await client.ConnectAsync(_right, port);
        using Socket server = await accepting;
        Task sending = Task.Run(async () =>
        {
            await using var stream = new NetworkStream(client, ownsSocket: false);
            await stream.WriteAsync(data);
            client.Shutdown(SocketShutdown.Send);
        });
        await using var incoming = new NetworkStream(server, ownsSocket: false);
        byte[] hash = await SHA256.HashDataAsync(incoming);
        await sending;
        return hash;
    }

    /// <summary>Returns the number of packets with something left to do.</summary>
    private static async Task<long> PumpBatchesAsync(LinuxTunDevice from, LinuxTunDevice to)
    {
        PacketBuffer[] packets = [.. Enumerable.Range(0, 16).Select(_ => new PacketBuffer(new byte[PacketBuffer.MaxPacketLength]))];
        long offloaded = 0;
        int count;
        while ((count = await from.ReadBatchAsync(packets)) != 0)
        {
            offloaded += packets.Take(count).Count(static p => p.Offload.Gso != GsoType.None);
            try
            {
                await to.WriteBatchAsync(packets.AsMemory(0, count));
            }
            catch (ObjectDisposedException)
            {
                break; // the test is over
            }
        }

        return offloaded;
    }

    private static async Task<long> PumpPlainAsync(LinuxTunDevice from, LinuxTunDevice to)
    {
        byte[] buffer = new byte[from.Mtu];
        int length;
        while ((length = await from.ReadAsync(buffer)) != 0)
        {
            try
            {
                await to.WriteAsync(buffer.AsMemory(0, length));
            }
            catch (ObjectDisposedException)
            {
                break; // the test is over
            }
        }

        return 0;
    }

    /// <summary>Sends every UDP datagram back, after checking its checksum.</summary>
    private static async Task EchoAsync(LinuxTunDevice device)
    {
        byte[] buffer = new byte[device.Mtu];
        int length;
        while ((length = await device.ReadAsync(buffer)) != 0)
        {
            byte[] packet = buffer[..length];
            bool ip4 = packet[0] >> 4 == 4;
            if ((ip4 ? packet[9] : packet[6]) != Packets.Udp)
                continue;
            Assert.That(Packets.IsTransportChecksumRight(packet), Is.True);
            int size = ip4 ? 4 : 16;
            int addresses = ip4 ? 12 : 8;
            int ports = Packets.TransportOffset(packet);
            byte[] answer = [.. packet];
            packet.AsSpan(addresses, size).CopyTo(answer.AsSpan(addresses + size));
            packet.AsSpan(addresses + size, size).CopyTo(answer.AsSpan(addresses));
            packet.AsSpan(ports, 2).CopyTo(answer.AsSpan(ports + 2));
            packet.AsSpan(ports + 2, 2).CopyTo(answer.AsSpan(ports));
            try
            {
                await device.WriteAsync(answer);
            }
            catch (ObjectDisposedException)
            {
                return;
            }
        }
    }
}
