using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using TunFlow.Devices;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Lwip.Tests.Linux;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Loop;

/// <summary>Flows whose upstreams the engine waits for, and those of the general path, beside the kernel's own sockets: devices that are replaced, slow servers, early answers.</summary>
[TestFixture(true)]
[TestFixture(false)]
[Platform("Linux")]
[SupportedOSPlatform("linux")]
[CancelAfter(60_000)]
internal sealed class LoopTunnelTests(bool loop)
{
    private static readonly IPEndPoint s_destination = IPEndPoint.Parse("192.0.2.1:80");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    [Test]
    public async Task A_flow_that_waits_for_its_first_payload_is_dialled_though_the_device_was_replaced()
    {
        using Socket listener = TcpLoopback.Listen();
        TunnelOptions options = new() { Stack = new() { AcceptMode = AcceptMode.DialAtFirstPayload, FirstPayloadTimeout = TimeSpan.FromSeconds(30) } };
        await using TunnelHost host = TunnelHost.Start(DialerOf(listener), new FakePacketProxy(), options: options);
        using Socket application = await host.ConnectAsync(s_destination);
        await Eventually.HoldsAsync(() => host.Tunnel.GetFlows().Count == 1, "the flow");
        await using LinuxTunDevice next = host.CreateTun("tft1");
        await ReplaceAsync(host, host.Tun, next);
        await application.SendAsync("hello"u8.ToArray());
        using Socket server = await listener.AcceptAsync().WaitAsync(s_limit);
        await ExchangeAsync(application, server);
    }

    [Test]
    public async Task A_flow_goes_on_over_device_after_device()
    {
        using Socket listener = TcpLoopback.Listen();
        await using TunnelHost host = TunnelHost.Start(DialerOf(listener), new FakePacketProxy());
        using Socket application = await host.ConnectAsync(s_destination);
        using Socket server = await listener.AcceptAsync().WaitAsync(s_limit);
        LinuxTunDevice current = host.Tun;
        for (int i = 1; i < 6; i++)
        {
            await application.SendAsync("hello"u8.ToArray());
            await ExchangeAsync(application, server);
            LinuxTunDevice next = host.CreateTun($"tft{i}");
            await ReplaceAsync(host, current, next);
            current = next;
        }

        // Begun on the last engine, while the first still waits for the first flow's upstream.
        using (Socket late = await host.ConnectAsync(s_destination))
        using (Socket lateServer = await listener.AcceptAsync().WaitAsync(s_limit))
        {
            await late.SendAsync("hello"u8.ToArray());
            await ExchangeAsync(late, lateServer);
        }

        await application.SendAsync("hello"u8.ToArray());
        await ExchangeAsync(application, server);
        server.Shutdown(SocketShutdown.Send);
        Assert.That(await application.ReceiveAsync(new byte[1]).WaitAsync(s_limit), Is.Zero);
        application.Shutdown(SocketShutdown.Send);
        Assert.That(await server.ReceiveAsync(new byte[1]).WaitAsync(s_limit), Is.Zero);
        await Eventually.HoldsAsync(() => host.Tunnel.GetStatistics().Stack is { Flows: 0, UnexpectedExceptions: 0 }, "the flows' ends");
        await current.DisposeAsync();
    }

    [Test]
    public async Task The_stack_is_released_after_a_stop_amid_an_upload_to_a_slow_server()
    {
        using Socket listener = TcpLoopback.Listen();
        listener.ReceiveBufferSize = 4096;
        TunnelHost host = TunnelHost.Start(DialerOf(listener), new FakePacketProxy());
        LwipDevice stack = host.Tunnel.Stack;
        using Socket application = await host.ConnectAsync(s_destination);
        using Socket server = await listener.AcceptAsync().WaitAsync(s_limit);
        server.Shutdown(SocketShutdown.Send);
        Assert.That(await application.ReceiveAsync(new byte[1]).WaitAsync(s_limit), Is.Zero);
        await FillAsync(application);
        application.Shutdown(SocketShutdown.Send);
        await host.DisposeAsync();
        server.Dispose();
        await Eventually.HoldsAsync(() => stack.IsReleased, "the release of the stack");
    }

    [Test]
    public async Task An_answer_before_a_reset_reaches_an_application_that_uploads()
    {
        const int answer = 20_000;
        using Socket listener = TcpLoopback.Listen();
        await using TunnelHost host = TunnelHost.Start(DialerOf(listener), new FakePacketProxy());
        byte[] buffer = new byte[65_536];
        for (int round = 0; round < 60; round++)
        {
            using Socket application = await host.ConnectAsync(s_destination);
            Task upload;
            using (Socket server = await listener.AcceptAsync().WaitAsync(s_limit))
            {
                upload = UploadAsync(application);
                await server.ReceiveAsync(buffer).WaitAsync(s_limit);
                await server.SendAsync(new byte[answer]);
                // Unread data: the end is a reset.
            }

            Assert.That(await ReceiveAllAsync(application, buffer), Is.EqualTo(answer), $"in round {round}");
            application.Dispose();
            await upload.WaitAsync(s_limit);
        }
    }

    private static async Task ReplaceAsync(TunnelHost host, LinuxTunDevice earlier, LinuxTunDevice next)
    {
        await host.Tunnel.ReplaceDeviceAsync(next);
        await earlier.DisposeAsync();
        host.Room.Run(() => next.AddRoute(IPNetwork.Parse("0.0.0.0/0")));
    }

    private static async Task ExchangeAsync(Socket application, Socket server)
    {
        byte[] buffer = new byte[100];
        Assert.That(await server.ReceiveAsync(buffer).WaitAsync(s_limit), Is.EqualTo(5));
        await server.SendAsync("world!"u8.ToArray());
        Assert.That(await application.ReceiveAsync(buffer).WaitAsync(s_limit), Is.EqualTo(6));
    }

    /// <summary>Sends until nothing has been taken for a while.</summary>
    private static async Task FillAsync(Socket socket)
    {
        socket.SendBufferSize = 16_384;
        socket.Blocking = false;
        byte[] block = new byte[4096];
        for (int quiet = 0; quiet < 20;)
        {
            socket.Send(block, SocketFlags.None, out SocketError error);
            quiet = error == SocketError.Success ? 0 : quiet + 1;
            if (quiet > 0)
                await Task.Delay(20);
        }
    }

    private static async Task UploadAsync(Socket socket)
    {
        byte[] block = new byte[1400];
        try
        {
            for (int i = 0; i < 10_000; i++)
                await socket.SendAsync(block);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The server's reset, or the end of the round.
        }
    }

    private static async Task<int> ReceiveAllAsync(Socket socket, byte[] buffer)
    {
        int received = 0;
        try
        {
            int count;
            while ((count = await socket.ReceiveAsync(buffer).WaitAsync(s_limit)) > 0)
                received += count;
        }
        catch (SocketException exception)
        {
            Assert.That(exception.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
        }

        return received;
    }

    private PlainDialer DialerOf(Socket listener) => new(listener.LocalEndPoint!, loop ? null : static (_, _) => { });
}
