using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Tunnels;

/// <summary>The tunnel over an in-memory link: needs no rights.</summary>
[TestFixture]
internal sealed class TunnelLifetimeTests
{
    private static readonly IPEndPoint Server = IPEndPoint.Parse("192.0.2.1:80");

    private FakeDialer _dialer = null!;
    private MemoryDevice _near = null!;
    private MemoryDevice _far = null!;
    private PacketLink _link = null!;

    [SetUp]
    public void SetUp()
    {
        NativeLibraryRequirement.Check();
        _dialer = new FakeDialer();
        (_near, _far) = MemoryDevice.CreatePair();
        _link = new PacketLink(_far);
    }

    [TearDown]
    public async Task TearDown()
    {
        if (_near is null)
            return;
        await _near.DisposeAsync();
        await _far.DisposeAsync();
    }

    [Test]
    public async Task Flows_pass_and_stopping_tells_the_application()
    {
        await using Tunnel tunnel = Tunnel.Start(_near, _dialer, new FakePacketProxy());
        TcpPeer peer = _link.CreatePeer(Server);
        Assert.That(await peer.ConnectAsync(), Is.True);
        await _dialer.Upstreams.Single().Answers.WriteAsync("hello"u8.ToArray());
        Assert.That(await peer.ReceiveAsync(5), Is.EqualTo("hello"u8.ToArray()));
        Assert.That((tunnel.Completion.IsCompleted, tunnel.GetStatistics().Stack.StreamBytesDown), Is.EqualTo((false, 5L)));

        await tunnel.StopAsync().WaitAsync(TimeSpan.FromSeconds(10));
        await peer.WaitResetAsync();
        Assert.That(tunnel.Completion.IsCompletedSuccessfully, Is.True);
        TunnelStatistics end = tunnel.GetStatistics();
        Assert.That((end.Stack.Flows, end.Uptime > TimeSpan.Zero, tunnel.GetStatistics().Uptime), Is.EqualTo((0, true, end.Uptime)));
    }

    [Test]
    public async Task The_device_stays_open_unless_the_tunnel_is_to_dispose_it()
    {
        await using (Tunnel tunnel = Tunnel.Start(_near, _dialer, new FakePacketProxy()))
            Assert.That(tunnel.Completion.IsCompleted, Is.False);
        await _near.WriteAsync(PacketBuilder.UdpDatagram(Server, IPEndPoint.Parse("10.9.0.2:1"), "still"u8));
        Assert.That((await _link.NextAsync()).Payload.ToArray(), Is.EqualTo("still"u8.ToArray()));

        await using (Tunnel tunnel = Tunnel.Start(_near, _dialer, new FakePacketProxy(), new TunnelOptions { DisposeDevice = true }))
            Assert.That(tunnel.Completion.IsCompleted, Is.False);
        Assert.That(async () => await _near.WriteAsync(new byte[28]), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public async Task Another_tunnel_may_follow_over_the_same_device()
    {
        for (int i = 0; i < 3; i++)
        {
            await using Tunnel tunnel = Tunnel.Start(_near, _dialer, new FakePacketProxy());
            TcpPeer peer = _link.CreatePeer(Server);
            Assert.That(await peer.ConnectAsync(), Is.True, $"connection {i}");
        }
    }

    [Test]
    public async Task Many_stops_and_disposals_at_once_are_one()
    {
        Tunnel tunnel = Tunnel.Start(_near, _dialer, new FakePacketProxy());
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(async () =>
        {
            if (i % 2 == 0)
                await tunnel.StopAsync();
            else
                await tunnel.DisposeAsync();
        }))).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(tunnel.Completion.IsCompletedSuccessfully, Is.True);
    }

    [Test]
    public async Task The_end_of_the_device_completes_the_tunnel()
    {
        Tunnel tunnel = Tunnel.Start(_near, _dialer, new FakePacketProxy());
        await _near.DisposeAsync();
        await tunnel.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        await tunnel.DisposeAsync();
    }

    [Test]
    public async Task A_device_that_fails_faults_the_tunnel()
    {
        await using FailingDevice device = new();
        Tunnel tunnel = Tunnel.Start(device, _dialer, new FakePacketProxy());
        NetworkException? error = await Assert.ThrowsAsync<NetworkException>(() => tunnel.Completion.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.That(error!.Error, Is.EqualTo(NetworkError.AccessDenied));
        await tunnel.StopAsync();
    }

    [Test]
    public async Task A_stop_whose_wait_is_cancelled_goes_on()
    {
        Tunnel tunnel = Tunnel.Start(_near, _dialer, new FakePacketProxy());
        TcpPeer peer = _link.CreatePeer(Server);
        Assert.That(await peer.ConnectAsync(), Is.True);
        // Keeps the stop busy for its bound.
        TaskCompletionSource stuck = new();
        _dialer.Upstreams.Single().StuckWrites = stuck;
        await peer.SendAsync(new byte[1000]);
        await Eventually.HoldsAsync(() => tunnel.GetStatistics().Stack.FlowsOpened == 1, "open");
        await Task.Delay(50);
        using CancellationTokenSource cancelled = new(TimeSpan.FromMilliseconds(50));
        Assert.That(async () => await tunnel.StopAsync(cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
        await tunnel.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        stuck.SetResult();
    }

    private sealed class FailingDevice : IIPDevice
    {
        public int Mtu => 1500;

        public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException<int>(new NetworkException(NetworkError.AccessDenied));

        public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
