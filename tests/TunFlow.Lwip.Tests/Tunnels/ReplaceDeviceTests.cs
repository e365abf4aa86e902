using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Tunnels;

[TestFixture]
internal sealed class ReplaceDeviceTests
{
    private static readonly IPEndPoint s_server = IPEndPoint.Parse("192.0.2.1:80");
    private static readonly IPEndPoint s_app = IPEndPoint.Parse("10.9.0.2:5000");

    [SetUp]
    public void Check() => NativeLibraryRequirement.Check();

    [Test]
    public async Task A_flow_goes_on_over_the_new_device()
    {
        FakeDialer dialer = new();
        (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
        (MemoryDevice nextNear, MemoryDevice nextFar) = MemoryDevice.CreatePair(new MemoryDeviceOptions { Mtu = 9000 });
        await using Tunnel tunnel = Tunnel.Start(near, dialer, new FakePacketProxy(), new TunnelOptions { DisposeDevice = true });
        SwitchedDevice app = new(far);
        PacketLink link = new(app);
        TcpPeer peer = link.CreatePeer(s_server);
        Assert.That(await peer.ConnectAsync(), Is.True);
        FakeUpstream upstream = dialer.Upstreams.Single();
        await upstream.Answers.WriteAsync("before"u8.ToArray());
        Assert.That(await peer.ReceiveAsync(6), Is.EqualTo("before"u8.ToArray()));

        app.Switch(nextFar);
        await tunnel.ReplaceDeviceAsync(nextNear);
        await upstream.Answers.WriteAsync(" after"u8.ToArray());

        Assert.That(await peer.ReceiveAsync(6), Is.EqualTo(" after"u8.ToArray()));
        Assert.That((tunnel.Completion.IsCompleted, tunnel.Stack.Mtu), Is.EqualTo((false, 9000)));
        Assert.That(async () => await near.WriteAsync(new byte[28]), Throws.TypeOf<ObjectDisposedException>(), "the earlier device is disposed");
        await tunnel.StopAsync();
        await peer.WaitResetAsync();
        Assert.That(async () => await nextNear.WriteAsync(new byte[28]), Throws.TypeOf<ObjectDisposedException>(), "so is the last one");
    }

    [Test]
    public async Task Datagrams_and_many_exchanges_under_load_lose_no_flow()
    {
        FakeDialer dialer = new();
        List<MemoryDevice> all = [];
        (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
        all.AddRange([near, far]);
        await using Tunnel tunnel = Tunnel.Start(near, dialer, new FakePacketProxy());
        SwitchedDevice app = new(far);
        PacketLink link = new(app);
        TcpPeer peer = link.CreatePeer(s_server);
        peer.AllowRetransmissions = true;
        Assert.That(await peer.ConnectAsync(), Is.True);
        FakeUpstream upstream = dialer.Upstreams.Single();
        byte[] data = new byte[4 * 1024 * 1024];
        new Random(1).NextBytes(data);
        Task sending = Task.Run(async () =>
        {
            for (int sent = 0; sent < data.Length; sent += 64 * 1024)
            {
                await upstream.Answers.WriteAsync(data.AsMemory(sent, 64 * 1024));
                await Task.Delay(1);
            }
        });

        int exchanges = 0;
        while (!sending.IsCompleted)
        {
            (MemoryDevice nextNear, MemoryDevice nextFar) = MemoryDevice.CreatePair();
            all.AddRange([nextNear, nextFar]);
            app.Switch(nextFar);
            await tunnel.ReplaceDeviceAsync(nextNear);
            exchanges++;
            await Task.Delay(20);
        }

        await sending;
        Assert.That((await peer.ReceiveAsync(data.Length, TimeSpan.FromSeconds(30))).AsSpan().SequenceEqual(data), Is.True);
        link.Send(PacketBuilder.UdpDatagram(s_app, s_server, "ping"u8));
        Assert.That((await link.NextAsync()).Payload.ToArray(), Is.EqualTo("ping"u8.ToArray()));
        TestContext.Out.WriteLine($"{exchanges} exchanges, {tunnel.GetStatistics().Stack.Retransmissions} segments sent again");
        Assert.That(exchanges, Is.GreaterThan(3));
        foreach (MemoryDevice device in all)
            await device.DisposeAsync();
    }

    [Test]
    public async Task An_earlier_device_that_is_closed_no_longer_ends_the_tunnel()
    {
        (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
        (MemoryDevice nextNear, MemoryDevice nextFar) = MemoryDevice.CreatePair();
        await using Tunnel tunnel = Tunnel.Start(near, new FakeDialer(), new FakePacketProxy());
        await tunnel.ReplaceDeviceAsync(nextNear);

        await near.DisposeAsync();
        await far.DisposeAsync();
        PacketLink link = new(nextFar);
        Assert.That(await link.CreatePeer(s_server).ConnectAsync(), Is.True);
        Assert.That(tunnel.Completion.IsCompleted, Is.False);

        await nextFar.DisposeAsync();
        await tunnel.Completion.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task A_tunnel_that_has_ended_takes_no_other_device()
    {
        (MemoryDevice near, MemoryDevice _) = MemoryDevice.CreatePair();
        Tunnel tunnel = Tunnel.Start(near, new FakeDialer(), new FakePacketProxy());
        await tunnel.StopAsync();

        Assert.That(async () => await tunnel.ReplaceDeviceAsync(near), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public async Task Exchanges_and_stops_at_once_end_in_order()
    {
        for (int round = 0; round < 30; round++)
        {
            (MemoryDevice near, MemoryDevice _) = MemoryDevice.CreatePair();
            Tunnel tunnel = Tunnel.Start(near, new FakeDialer(), new FakePacketProxy());
            Task[] exchanges = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                try
                {
                    await tunnel.ReplaceDeviceAsync(MemoryDevice.CreatePair().First);
                }
                catch (ObjectDisposedException)
                {
                    // The stop was faster.
                }
            }))];
            await Task.WhenAll([.. exchanges, Task.Run(() => tunnel.StopAsync())]).WaitAsync(TimeSpan.FromSeconds(20));
            Assert.That(tunnel.Completion.IsCompletedSuccessfully, Is.True);
            Assert.That(tunnel.Stack.IsReleased, Is.True);
        }
    }

    /// <summary>The applications' side, which moves along when the TUN does.</summary>
    private sealed class SwitchedDevice(MemoryDevice first) : IIPDevice
    {
        private MemoryDevice _current = first;

        public int Mtu => Volatile.Read(ref _current).Mtu;

        public void Switch(MemoryDevice next)
        {
            MemoryDevice earlier = Interlocked.Exchange(ref _current, next);
            // Ends the pending read, which then goes on with the next.
            _ = earlier.DisposeAsync().AsTask();
        }

        public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (true)
            {
                MemoryDevice current = Volatile.Read(ref _current);
                int length = await current.ReadAsync(buffer, cancellationToken);
                if (length > 0 || current == Volatile.Read(ref _current))
                    return length;
            }
        }

        public async ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default)
        {
            try
            {
                await Volatile.Read(ref _current).WriteAsync(packet, cancellationToken);
            }
            catch (Exception exception) when (exception is ObjectDisposedException or NetworkException)
            {
                // Lost in between, as packets are.
            }
        }

        public ValueTask DisposeAsync() => Volatile.Read(ref _current).DisposeAsync();
    }
}
