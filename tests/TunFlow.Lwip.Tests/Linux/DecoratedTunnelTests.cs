using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Captures;

namespace TunFlow.Lwip.Tests.Linux;

/// <summary>Tunnels over decorated devices: kernel sockets, a TUN, a decorator, the stack, real sockets on the loopback interface.</summary>
[SupportedOSPlatform("linux")]
internal sealed class DecoratedTunnelTests
{
    private static readonly IPEndPoint Server4 = IPEndPoint.Parse("198.51.100.1:4080");
    private static readonly IPEndPoint Server6 = IPEndPoint.Parse("[2001:db8::1]:4080");

    [TestCase(4)]
    [TestCase(6)]
    public async Task A_transfer_over_a_bad_network_arrives_intact(int family)
    {
        LinkImpairment bad = new()
        {
            Loss = 0.05, Duplication = 0.04, Reordering = 0.04, Corruption = 0.02,
            Delay = TimeSpan.FromMilliseconds(1), Jitter = TimeSpan.FromMilliseconds(1), ReorderDelay = TimeSpan.FromMilliseconds(4),
        };
        ImpairmentDevice? device = null;
        ImpairmentStatistics impaired;
        LwipStatistics stack;
        await using (TunnelHost host = TunnelHost.Start(
            Redirect(out Socket listener), new FakePacketProxy(),
            wrap: tun => device = new ImpairmentDevice(tun, new ImpairmentOptions { Seed = 7, Read = bad, Written = bad }, ownsInner: false)))
        {
            using (listener)
            {
                await TransferAsync(host, listener, family == 4 ? Server4 : Server6, 200_000, 100_000);
            }

            impaired = device!.GetStatistics();
            stack = host.Tunnel.GetStatistics().Stack;
        }

        await device.DisposeAsync();
        TestContext.Out.WriteLine($"{impaired.Read}\n{impaired.Written}\n{stack.Retransmissions} retransmissions of the stack, {stack.Drops[PacketDropReason.Checksum]} wrong checksums");
        foreach (LinkImpairmentStatistics link in new[] { impaired.Read, impaired.Written })
            Assert.That(new[] { link.Lost, link.Duplicated, link.Reordered }, Is.All.Positive);
        Assert.That(impaired.Read.Corrupted + impaired.Written.Corrupted, Is.Positive);
        Assert.That((impaired.Rejected, stack.Asserts), Is.EqualTo((0L, 0L)));
        Assert.That(stack.Retransmissions, Is.Positive, "what the stack sent was lost now and then");
    }

    [TestCase(4)]
    [TestCase(6)]
    public async Task A_captured_transfer_is_put_together_again_by_tshark(int family)
    {
        Tshark.Require();
        string path = Path.Combine(Path.GetTempPath(), $"tunflow-{Guid.NewGuid():N}.pcapng");
        try
        {
            CaptureDevice? device = null;
            byte[] up, down;
            await using (TunnelHost host = TunnelHost.Start(
                Redirect(out Socket listener), new FakePacketProxy(),
                wrap: tun => device = new CaptureDevice(tun, path, new CaptureOptions { QueueBytes = 16 * 1024 * 1024, InterfaceName = tun.Name }, ownsInner: false)))
            {
                Assert.That(device!.SupportedOffloads, Is.EqualTo(host.Tun.SupportedOffloads));
                using (listener)
                {
                    (up, down) = await TransferAsync(host, listener, family == 4 ? Server4 : Server6, 400_000, 500_000);
                }
            }

            await device.DisposeAsync();
            CaptureStatistics statistics = device.Capture!.GetStatistics();
            Assert.That((statistics.PacketsDropped, statistics.Errors, device.Capture.Completion.IsCompletedSuccessfully), Is.EqualTo((0L, 0L, true)));

            // Client to server first, the other side indented by a tab.
            string[] lines = (await Tshark.ReadAsync(path, "-q", "-z", "follow,tcp,raw,0")).Split('\n');
            string[] hex = [.. lines.SkipWhile(line => !line.StartsWith("Node 1", StringComparison.Ordinal)).Skip(1).TakeWhile(line => !line.StartsWith('='))];
            Assert.That(Convert.FromHexString(string.Concat(hex.Where(line => !line.StartsWith('\t')).Select(line => line.Trim()))).AsSpan().SequenceEqual(up), Is.True, "up");
            Assert.That(Convert.FromHexString(string.Concat(hex.Where(line => line.StartsWith('\t')).Select(line => line.Trim()))).AsSpan().SequenceEqual(down), Is.True, "down");

            // Offloads pass the decorator in both directions: packets larger than the MTU, and no bad checksum in the file.
            string[][] rows = await Tshark.ReadFieldsAsync(path, "frame.len", "frame.packet_flags_direction", "tcp.checksum.status", "tcp.srcport", "tcp.seq", "tcp.analysis.flags", "tcp.checksum", "tcp.checksum_calculated", "tcp.flags");
            Assert.That(rows.Where(row => int.Parse(row[0], System.Globalization.CultureInfo.InvariantCulture) > 1500).Select(row => row[1]).Distinct(), Is.EquivalentTo(new[] { "0x00000001", "0x00000002" }));
            Assert.That(rows.Where(row => row[3].Length > 0 && row[2] != "1").Select(row => string.Join(' ', row)), Is.Empty, "bad checksums");
            Assert.That(rows.Where(row => row[3] == "4080").Select(row => row[1]), Is.All.EqualTo("0x00000001"), "what the server sends is inbound");
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public async Task A_capture_can_be_switched_on_and_off_in_a_running_tunnel_whose_traffic_is_counted()
    {
        string path = Path.Combine(Path.GetTempPath(), $"tunflow-{Guid.NewGuid():N}.pcapng");
        try
        {
            CountingDevice? counting = null;
            CaptureDevice? capture = null;
            await using (TunnelHost host = TunnelHost.Start(
                Redirect(out Socket listener), new FakePacketProxy(),
                wrap: tun => counting = new CountingDevice(capture = new CaptureDevice(tun, ownsInner: false))))
            {
                using (listener)
                {
                    await TransferAsync(host, listener, Server4, 50_000, 50_000);
                    long before = counting!.GetStatistics().Read.Total.Packets;
                    capture!.StartCapture(path);
                    await TransferAsync(host, listener, Server6, 50_000, 50_000);
                    await capture.StopCaptureAsync();
                    await TransferAsync(host, listener, Server4, 50_000, 50_000);
                    // What has arrived was written, but may not have been counted yet.
                    await Eventually.HoldsAsync(() => counting.GetStatistics() is { Read.Tcp4.Bytes: > 100_000, Written.Tcp4.Bytes: > 100_000 }, "the count of both transfers");
                    TrafficStatistics read = counting.GetStatistics().Read, written = counting.GetStatistics().Written;
                    Assert.That(before, Is.Positive);
                    Assert.That(new[] { read.Tcp6.Bytes, written.Tcp6.Bytes }, Is.All.InRange(50_000, 100_000));
                    Assert.That(written.Segments, Is.GreaterThan(written.Total.Packets), "super-packets count as what they will be cut into");
                }
            }

            await counting.DisposeAsync();
            CaptureFile file = CaptureFile.Read(path);
            Assert.That(file.Packets.Count(packet => packet.Data[0] >> 4 == 6 && packet.Length > 100), Is.Positive);
            Assert.That(file.Packets.Count(packet => packet.Data[0] >> 4 == 4 && packet.Length > 100), Is.Zero, "traffic before and after");
            Assert.That(file.Statistics, Is.Not.Null);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static FakeDialer Redirect(out Socket listener)
    {
        listener = TcpLoopback.Listen();
        EndPoint destination = listener.LocalEndPoint!;
        TcpDialer dialer = new();
        return new FakeDialer { OnDial = (_, token) => dialer.DialStreamAsync(destination, token) };
    }

    private static async Task<(byte[] Up, byte[] Down)> TransferAsync(TunnelHost host, Socket listener, IPEndPoint destination, int upLength, int downLength)
    {
        byte[] up = Bytes(upLength, 1), down = Bytes(downLength, 2);
        using Socket client = await host.ConnectAsync(destination);
        using Socket server = await listener.AcceptAsync();
        Task<byte[]> receivedUp = ReceiveToEndAsync(server), receivedDown = ReceiveToEndAsync(client);
        await Task.WhenAll(SendAndFinishAsync(client, up), SendAndFinishAsync(server, down), receivedUp, receivedDown).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.That((await receivedUp).AsSpan().SequenceEqual(up), Is.True, "up");
        Assert.That((await receivedDown).AsSpan().SequenceEqual(down), Is.True, "down");
        return (up, down);
    }

    private static async Task SendAndFinishAsync(Socket socket, byte[] data)
    {
        for (int sent = 0; sent < data.Length;)
            sent += await socket.SendAsync(data.AsMemory(sent));
        socket.Shutdown(SocketShutdown.Send);
    }

    private static async Task<byte[]> ReceiveToEndAsync(Socket socket)
    {
        MemoryStream stream = new();
        byte[] buffer = new byte[256 * 1024];
        int length;
        while ((length = await socket.ReceiveAsync(buffer)) > 0)
            stream.Write(buffer, 0, length);
        return stream.ToArray();
    }

    private static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
