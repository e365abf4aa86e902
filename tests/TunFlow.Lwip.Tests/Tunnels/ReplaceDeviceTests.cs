using System.Net;
using Moq;
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
        // The acknowledgment of what came before may be on its way when the devices change.
        peer.AllowRetransmissions = true;
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
    public async Task Packets_not_written_are_counted_on_while_devices_change()
    {
        TaskCompletionSource writing = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Mock<IIPDevice> deaf = new();
        deaf.SetupGet(static device => device.Mtu).Returns(1500);
        MemoryDevice near = MemoryDevice.CreatePair().Item1;
        (MemoryDevice firstNear, MemoryDevice firstFar) = MemoryDevice.CreatePair();
        deaf.Setup(static device => device.ReadAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>()))
            .Returns((Memory<byte> buffer, CancellationToken token) => firstNear.ReadAsync(buffer, token));
        int writes = 0;
        deaf.Setup(static device => device.WriteAsync(It.IsAny<ReadOnlyMemory<byte>>(), It.IsAny<CancellationToken>()))
            .Returns((ReadOnlyMemory<byte> _, CancellationToken _) => Interlocked.Increment(ref writes) == 1
                ? ValueTask.FromException(new NetworkException(NetworkError.ResourceExhausted))
                : new ValueTask(writing.Task));
        await using Tunnel tunnel = Tunnel.Start(deaf.Object, new FakeDialer(), new FakePacketProxy());
        await firstFar.WriteAsync(PacketBuilder.UdpDatagram(s_app, s_server, "one"u8));
        await Eventually.HoldsAsync(() => tunnel.GetStatistics().PacketsNotWritten == 1, "the packet that was refused");
        await firstFar.WriteAsync(PacketBuilder.UdpDatagram(s_app, s_server, "two"u8));
        await Eventually.HoldsAsync(() => Volatile.Read(ref writes) == 2, "the write that hangs");

        Task exchange = tunnel.ReplaceDeviceAsync(near);
        // It waits for the write that hangs, for a while.
        Assert.That((exchange.IsCompleted, tunnel.GetStatistics().PacketsNotWritten), Is.EqualTo((false, 1L)));
        await exchange.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(tunnel.GetStatistics().PacketsNotWritten, Is.EqualTo(1));
        writing.SetResult();
    }

    [Test]
    public async Task A_tunnel_that_has_ended_takes_no_other_device()
    {
        (MemoryDevice near, MemoryDevice _) = MemoryDevice.CreatePair();
        Tunnel tunnel = Tunnel.Start(near, new FakeDialer(), new FakePacketProxy());
        await tunnel.StopAsync();

        Assert.That(async () => await tunnel.ReplaceDeviceAsync(near), Throws.TypeOf<ObjectDisposedException>());
    }

    [TestCase(0)]
    [TestCase(575)]
    [TestCase(65_536)]
    public async Task A_device_that_cannot_be_served_is_refused_and_the_tunnel_goes_on(int mtu)
    {
        (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
        await using Tunnel tunnel = Tunnel.Start(near, new FakeDialer(), new FakePacketProxy(), new TunnelOptions { DisposeDevice = true });
        PacketLink link = new(far);
        Mock<IIPDevice> odd = new(MockBehavior.Strict);
        odd.SetupGet(static device => device.Mtu).Returns(mtu);

        Assert.That(async () => await tunnel.ReplaceDeviceAsync(odd.Object), Throws.InstanceOf<ArgumentOutOfRangeException>());

        Assert.That(await link.CreatePeer(s_server).ConnectAsync(), Is.True);
        await tunnel.StopAsync().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(async () => await near.WriteAsync(new byte[28]), Throws.TypeOf<ObjectDisposedException>(), "the device is disposed");
    }

    [Test]
    public async Task An_exchange_as_the_earlier_device_ends_either_fails_or_lasts()
    {
        Random random = new(1);
        int lasting = 0;
        for (int round = 0; round < 200; round++)
        {
            (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
            (MemoryDevice nextNear, MemoryDevice nextFar) = MemoryDevice.CreatePair();
            await using Tunnel tunnel = Tunnel.Start(near, new FakeDialer(), new FakePacketProxy());
            Task end = Task.Run(() => far.DisposeAsync().AsTask());
            // Sooner or later than what the end sets off.
            Thread.SpinWait(random.Next(20_000));
            try
            {
                await tunnel.ReplaceDeviceAsync(nextNear);
            }
            catch (ObjectDisposedException)
            {
                await end;
                await tunnel.Completion.WaitAsync(TimeSpan.FromSeconds(10));
                continue;
            }

            lasting++;
            await end;
            PacketLink link = new(nextFar);
            Assert.That(await link.CreatePeer(s_server).ConnectAsync(), Is.True, $"round {round}");
            Assert.That(tunnel.Completion.IsCompleted, Is.False, $"round {round}");
        }

        TestContext.Out.WriteLine($"{lasting} of 200 exchanges were faster than the end");
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
}
