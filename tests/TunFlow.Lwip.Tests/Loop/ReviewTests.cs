using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using TunFlow.Devices;
using TunFlow.Devices.Linux;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Lwip.Tests.Linux;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Loop;

[TestFixture(true)]
[TestFixture(false)]
[Platform("Linux")]
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
internal sealed class ReviewTests(bool loop)
{
    private readonly LoopThread _loop = new();

    [OneTimeTearDown]
    public void End() => _loop.Dispose();

    private async Task<(StreamConnection, Socket)> PairAsync()
    {
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        var to = (IPEndPoint)listener.LocalEndPoint!;
        StreamConnection dialled = loop ? await _loop.DialAsync(new TcpDialer(), to, default) : await new TcpDialer().DialStreamAsync(to);
        return (dialled, await listener.AcceptAsync());
    }

    private static async Task ResetAsync(Socket peer)
    {
        peer.LingerState = new LingerOption(true, 0);
        peer.Dispose();
        await Task.Delay(100);
    }

    [Test, CancelAfter(10000)]
    public async Task A_write_error_before_read()
    {
        (StreamConnection subject, Socket peer) = await PairAsync();
        await using var _ = subject;
        await peer.SendAsync(new byte[100]);
        await ResetAsync(peer);
        Assert.That(async () => await subject.WriteAsync(new byte[10]), Throws.TypeOf<NetworkException>());
        Assert.That(await subject.ReadAsync(new byte[1000]), Is.EqualTo(100));
    }

    [Test, CancelAfter(10000)]
    public async Task B_complete_after_reset_then_read()
    {
        (StreamConnection subject, Socket peer) = await PairAsync();
        await using var _ = subject;
        await peer.SendAsync(new byte[100]);
        await ResetAsync(peer);
        try { await subject.CompleteWritesAsync(); } catch (NetworkException e) { TestContext.Out.WriteLine("complete: " + e.Error); }
        Assert.That(await subject.ReadAsync(new byte[1000]), Is.EqualTo(100));
        try { TestContext.Out.WriteLine("then " + await subject.ReadAsync(new byte[1000])); } catch (NetworkException e) { TestContext.Out.WriteLine("read: " + e.Error); }
    }

    [Test, CancelAfter(10000)]
    public async Task B2_complete_after_reset_read_says_reset()
    {
        (StreamConnection subject, Socket peer) = await PairAsync();
        await using var _ = subject;
        await ResetAsync(peer);
        try { await subject.CompleteWritesAsync(); } catch (NetworkException e) { TestContext.Out.WriteLine("complete: " + e.Error); }
        Assert.That(async () => await subject.ReadAsync(new byte[1000]), Throws.TypeOf<NetworkException>().With.Property("Error").EqualTo(NetworkError.ConnectionReset));
    }

    [Test]
    public async Task C_urgent()
    {
        (StreamConnection subject, Socket peer) = await PairAsync();
        await using var _ = subject;
        await peer.SendAsync("abc"u8.ToArray());
        await peer.SendAsync("X"u8.ToArray(), SocketFlags.OutOfBand);
        await peer.SendAsync("def"u8.ToArray());
        await Task.Delay(100);
        byte[] b = new byte[100];
        int first = await subject.ReadAsync(b);
        Assert.That(first, Is.EqualTo(3));
        Assert.That(await subject.ReadAsync(b).AsTask().WaitAsync(TimeSpan.FromSeconds(3)), Is.EqualTo(3));
    }

    [Test]
    public async Task D_reads_after_abort_reads()
    {
        (StreamConnection subject, Socket peer) = await PairAsync();
        await using var _ = subject;
        Task<int> pending = subject.ReadAsync(new byte[10]).AsTask();
        subject.AbortReads();
        Assert.That(await pending.WaitAsync(TimeSpan.FromSeconds(3)), Is.Zero);
        await Task.Delay(100);
        Assert.That(await subject.ReadAsync(new byte[10]).AsTask().WaitAsync(TimeSpan.FromSeconds(3)), Is.Zero);
        peer.Dispose();
    }

    [Test]
    public async Task E_local()
    {
        (StreamConnection subject, Socket peer) = await PairAsync();
        Assert.That(subject.LocalEndPoint, Is.EqualTo(peer.RemoteEndPoint));
        (StreamConnection other, Socket peer2) = await PairAsync();
        await other.DisposeAsync();
        Assert.That(other.LocalEndPoint, Is.EqualTo(peer2.RemoteEndPoint));
    }

    [Test]
    public async Task I_orderly_dispose_after_abort_reads_with_unread()
    {
        (StreamConnection subject, Socket peer) = await PairAsync();
        subject.AbortReads();
        await peer.SendAsync(new byte[100]);
        await Task.Delay(50);
        await subject.WriteAsync(new byte[5]);
        await peer.SendAsync(new byte[100]);
        await subject.DisposeAsync();
        await Task.Delay(50);
        byte[] b = new byte[100];
        Assert.That(await peer.ReceiveAsync(b), Is.EqualTo(5));
        Assert.That(await peer.ReceiveAsync(b), Is.EqualTo(0));
    }

    private sealed class Loopback(int port, bool sockets) : IStreamDialer, ISocketDialer
    {
        private readonly TcpDialer _dialer = new(new SocketOption(1, 7, BitConverter.GetBytes(32768)).Set);
        public ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default) =>
            _dialer.DialStreamAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
        public bool TryGetTarget(IPEndPoint remote, [NotNullWhen(true)] out TcpDialer? dialer, [NotNullWhen(true)] out IPEndPoint? target)
        {
            dialer = _dialer;
            target = new IPEndPoint(IPAddress.Loopback, port);
            return sockets;
        }
    }

    private static LinuxTunDevice Make(NetworkNamespace room, string name) => room.Run(() =>
    {
        LinuxTunDevice device = LinuxTunDevice.Create(new LinuxTunOptions { Name = name, Mtu = 1500 });
        device.BringUp();
        device.AddAddress(IPAddress.Parse("10.9.0.1"), 24);
        return device;
    });

    [Test, CancelAfter(40000)]
    public async Task F_flow_that_waits_for_payload_survives_replacement()
    {
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        await using TunnelHost host = TunnelHost.Start(new Loopback(port, loop), new FakePacketProxy(),
            options: new TunnelOptions { Stack = new() { AcceptMode = AcceptMode.DialAtFirstPayload, FirstPayloadTimeout = TimeSpan.FromSeconds(30) } });
        using Socket app = await host.ConnectAsync(IPEndPoint.Parse("192.0.2.1:80"));
        await Task.Delay(200);
        await using LinuxTunDevice next = Make(host.Room, "tft1");
        await host.Tunnel.ReplaceDeviceAsync(next);
        await host.Tun.DisposeAsync();
        await Task.Delay(200);
        host.Room.Run(() => { next.AddRoute(IPNetwork.Parse("0.0.0.0/0")); return true; });
        await app.SendAsync("hello"u8.ToArray());
        using Socket server = await listener.AcceptAsync().WaitAsync(TimeSpan.FromSeconds(8));
        byte[] b = new byte[100];
        int got = await server.ReceiveAsync(b).WaitAsync(TimeSpan.FromSeconds(8));
        Assert.That(got, Is.EqualTo(5));
        await server.SendAsync("world"u8.ToArray());
        Assert.That(await app.ReceiveAsync(b).WaitAsync(TimeSpan.FromSeconds(8)), Is.EqualTo(5));
    }

    [Test, CancelAfter(40000)]
    public async Task G_stack_is_released_after_stop_with_a_slow_server()
    {
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.ReceiveBufferSize = 4096;
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        TunnelHost host = TunnelHost.Start(new Loopback(port, loop), new FakePacketProxy());
        LwipDevice stack = host.Tunnel.Stack;
        using Socket app = await host.ConnectAsync(IPEndPoint.Parse("192.0.2.1:80"));
        using Socket server = await listener.AcceptAsync();
        server.Shutdown(SocketShutdown.Send);
        byte[] b = new byte[65536];
        Assert.That(await app.ReceiveAsync(b), Is.Zero);
        app.SendBufferSize = 16384;
        app.Blocking = false;
        int sent = 0;
        for (int quiet = 0; quiet < 20;)
        {
            try { sent += app.Send(b.AsSpan(0, 4096)); quiet = 0; } catch (SocketException) { quiet++; await Task.Delay(20); }
        }

        app.Shutdown(SocketShutdown.Send);
        int received = 0;
        for (int i = 0; i < 100 && host.Tunnel.GetFlows().Count > 0 && host.Tunnel.GetFlows()[0].State != FlowState.Closing; i++)
        {
            received += await server.ReceiveAsync(b.AsMemory(0, 8192), SocketFlags.None).AsTask().WaitAsync(TimeSpan.FromSeconds(3));
            await Task.Delay(100);
        }

        TestContext.Out.WriteLine($"sent {sent} received {received} " + string.Join(",", host.Tunnel.GetFlows().Select(f => f.State + " up " + f.BytesUp)));
        await host.DisposeAsync();
        TestContext.Out.WriteLine("released right after stop: " + stack.IsReleased);
        // the server goes on reading, to the end
        int n;
        try { while ((n = await server.ReceiveAsync(b).WaitAsync(TimeSpan.FromSeconds(4))) > 0) received += n; } catch (Exception e) { TestContext.Out.WriteLine(e.GetType().Name); }
        TestContext.Out.WriteLine($"received {received}");
        server.Dispose();
        for (int i = 0; i < 50 && !stack.IsReleased; i++)
            await Task.Delay(100);
        Assert.That(stack.IsReleased, Is.True);
    }

    [Test, CancelAfter(40000)]
    public async Task H_early_answer_reaches_an_application_that_uploads()
    {
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(100);
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        await using TunnelHost host = TunnelHost.Start(new Loopback(port, loop), new FakePacketProxy());
        int lost = 0;
        const int rounds = 60;
        for (int i = 0; i < rounds; i++)
        {
            using Socket app = await host.ConnectAsync(IPEndPoint.Parse("192.0.2.1:80"));
            Socket server = await listener.AcceptAsync();
            byte[] b = new byte[65536];
            Task upload = Task.Run(async () =>
            {
                try { for (int k = 0; k < 10000; k++) await app.SendAsync(new byte[1400]); } catch (Exception e) when (e is SocketException or ObjectDisposedException) { }
            });
            await server.ReceiveAsync(b);
            await server.SendAsync(new byte[20_000]);
            server.Dispose(); // unread data: RST
            int got = 0, n;
            try { while ((n = await app.ReceiveAsync(b).WaitAsync(TimeSpan.FromSeconds(5))) > 0) got += n; } catch (SocketException) { }
            if (got < 20_000) lost++;
            app.Dispose();
            await upload;
        }

        TestContext.Out.WriteLine($"answers cut: {lost} of {rounds}");
        Assert.That(lost, Is.Zero);
    }
}
