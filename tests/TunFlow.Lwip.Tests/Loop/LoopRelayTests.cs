using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Microsoft.Extensions.Logging;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Loop;

/// <summary>Which flows an engine carries on its own thread, and what may not run there.</summary>
[TestFixture]
[Platform("Linux")]
[SupportedOSPlatform("linux")]
internal sealed class LoopRelayTests
{
    private const string EngineThread = "TunFlow ";

    [Test]
    public async Task Plain_sockets_are_connected_and_served_by_the_engine()
    {
        PlainDialer dialer = null!;
        await using LoopWorld world = new(server => dialer = new PlainDialer(server));
        (TcpPeer peer, Socket server) = await world.OpenAsync();
        using (server)
        {
            byte[] up = new byte[300_000], down = new byte[300_000];
            new Random(1).NextBytes(up);
            new Random(2).NextBytes(down);
            Task<byte[]> atServer = ReceiveToEndAsync(server);
            Task sending = SendAsync(server, down);
            // Piece by piece: a pair of packet sockets drops what it has no room for, and these applications send nothing twice.
            for (int sent = 0; sent < up.Length; sent += 50_000)
            {
                await peer.SendAsync(up.AsMemory(sent, 50_000));
                await peer.WaitAcknowledgedAsync();
            }

            peer.SendFin();
            Assert.That(await atServer.WaitAsync(TimeSpan.FromSeconds(20)), Is.EqualTo(up));
            await sending;
            Assert.That(await peer.ReceiveAsync(down.Length), Is.EqualTo(down));
            await peer.WaitAsync(() => peer.FinReceived);
        }

        await Eventually.HoldsAsync(() => world.Tunnel.GetStatistics().Stack.Flows == 0, "the end of the flow");
        Assert.That(dialer.Dials, Is.Zero);
    }

    [Test]
    public async Task A_refusal_is_an_RST_and_an_RST_of_the_server_too()
    {
        await using LoopWorld world = new(static server => new PlainDialer(server));
        (TcpPeer peer, Socket server) = await world.OpenAsync();
        await peer.SendAsync("unread"u8.ToArray());
        await peer.WaitAcknowledgedAsync();
        server.LingerState = new LingerOption(true, 0);
        server.Dispose();
        await peer.WaitResetAsync();
        world.Listener.Dispose();
        Assert.That(await world.CreatePeer().ConnectAsync(), Is.False);
        LwipStatistics now = world.Tunnel.GetStatistics().Stack;
        Assert.That((now.DialsSucceeded, now.DialsFailed, now.UnexpectedExceptions), Is.EqualTo((1L, 1L, 0L)));
    }

    [Test]
    public async Task Code_of_the_application_never_runs_on_the_engines_thread()
    {
        ConcurrentBag<string?> threads = [];
        using MeterListener meters = new();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "tunflow.dial.duration")
                listener.EnableMeasurementEvents(instrument);
        };
        meters.SetMeasurementEventCallback<double>((_, _, _, _) => threads.Add(Thread.CurrentThread.Name));
        meters.Start();
        TunnelOptions options = new() { Stack = new LwipDeviceOptions { LoggerFactory = new ThreadLog(threads) } };
        await using (LoopWorld world = new(static server => new PlainDialer(server), options))
        {
            (TcpPeer peer, Socket server) = await world.OpenAsync();
            server.LingerState = new LingerOption(true, 0);
            server.Dispose();
            await peer.WaitResetAsync();
            world.Listener.Dispose();
            Assert.That(await world.CreatePeer().ConnectAsync(), Is.False);
            world.Tunnel.AbortAll();
            await Eventually.HoldsAsync(() => threads.Count > 2, "the log and the metrics");
        }

        Assert.That(threads, Has.None.StartsWith(EngineThread));
    }

    [Test]
    public async Task An_applications_configurator_and_policy_run_on_the_thread_pool()
    {
        ConcurrentBag<bool> pool = [];
        PlainDialer dialer = null!;
        TunnelOptions options = new()
        {
            Stack = new LwipDeviceOptions
            {
                Policy = (_, _) =>
                {
                    pool.Add(Thread.CurrentThread.IsThreadPoolThread);
                    return new ValueTask<FlowDecision>(FlowDecision.Accept);
                },
            },
        };
        await using (LoopWorld world = new(server => dialer = new PlainDialer(server, (_, _) => pool.Add(Thread.CurrentThread.IsThreadPoolThread)), options))
            (await world.OpenAsync()).Server.Dispose();
        Assert.That((dialer.Dials, pool.Count, pool.All(static one => one)), Is.EqualTo((1, 2, true)));

        pool.Clear();
        await using (LoopWorld world = new(server => dialer = new PlainDialer(server, (_, _) => pool.Add(Thread.CurrentThread.IsThreadPoolThread))))
            (await world.OpenAsync()).Server.Dispose();
        Assert.That((dialer.Dials, pool.Count, pool.All(static one => one)), Is.EqualTo((1, 1, true)));
    }

    [Test]
    public async Task A_configurator_of_our_own_prepares_the_engines_sockets()
    {
        PlainDialer dialer = null!;
        await using (LoopWorld world = new(server => dialer = new PlainDialer(server, SocketConfigurators.BindToInterface("lo"))))
            (await world.OpenAsync()).Server.Dispose();
        Assert.That(dialer.Dials, Is.Zero);
        await using (LoopWorld world = new(server => dialer = new PlainDialer(server, SocketConfigurators.BindToInterface("tf-nowhere"))))
        {
            Assert.That(await world.CreatePeer().ConnectAsync(), Is.False);
            LwipStatistics now = world.Tunnel.GetStatistics().Stack;
            Assert.That((now.DialsFailed, now.UnexpectedExceptions, dialer.Dials), Is.EqualTo((1L, 0L, 0)));
        }
    }

    [Test]
    public async Task A_dialer_that_replaces_another_takes_over_on_its_own_threads()
    {
        PlainDialer first = null!;
        await using LoopWorld world = new(server => first = new PlainDialer(server));
        (TcpPeer kept, Socket keptServer) = await world.OpenAsync();
        PlainDialer second = new(world.Listener.LocalEndPoint!, static (_, _) => { });
        world.Tunnel.SetDialer(second);
        (TcpPeer peer, Socket server) = await world.OpenAsync();
        using (server)
        using (keptServer)
        {
            foreach ((TcpPeer application, Socket end) in new[] { (kept, keptServer), (peer, server) })
            {
                await application.SendAsync(new byte[5000]);
                await ReceiveExactlyAsync(end, 5000);
                await end.SendAsync(new byte[7000]);
                Assert.That(await application.ReceiveAsync(7000), Has.Length.EqualTo(7000));
            }

            Assert.That((first.Dials, second.Dials), Is.EqualTo((0, 1)));
            world.Tunnel.SetDialer(first, ExistingFlows.Reset);
            await kept.WaitResetAsync();
            await peer.WaitResetAsync();
        }
    }

    [Test]
    public async Task A_dial_without_an_answer_is_given_up_in_time_and_leaves_no_socket()
    {
        // A full backlog: the kernel drops the SYN.
        using Socket full = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        full.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        full.Listen(0);
        using Socket filling = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await filling.ConnectAsync(full.LocalEndPoint!);
        TunnelOptions options = new() { Stack = new LwipDeviceOptions { DialTimeout = TimeSpan.FromMilliseconds(300) } };
        await using LoopWorld world = new(_ => new PlainDialer(full.LocalEndPoint!), options);
        TcpPeer late = world.CreatePeer();
        Assert.That(await late.ConnectAsync(), Is.False);
        TcpPeer given = world.CreatePeer();
        given.SendSyn();
        await Eventually.HoldsAsync(() => world.Tunnel.GetStatistics().Stack.Dials == 2, "the second dial");
        given.SendReset();
        await Eventually.HoldsAsync(() => world.Tunnel.GetStatistics().Stack is { Flows: 0, DialsFailed: 2 }, "the end of both");
        LwipStatistics now = world.Tunnel.GetStatistics().Stack;
        Assert.That((now.DialsTimedOut >= 1, now.DialsSucceeded, now.UnexpectedExceptions), Is.EqualTo((true, 0L, 0L)));
    }

    private static async Task SendAsync(Socket socket, byte[] data)
    {
        for (int sent = 0; sent < data.Length;)
            sent += await socket.SendAsync(data.AsMemory(sent));
        socket.Shutdown(SocketShutdown.Send);
    }

    private static async Task<byte[]> ReceiveToEndAsync(Socket socket)
    {
        using MemoryStream all = new();
        byte[] buffer = new byte[65_536];
        int received;
        while ((received = await socket.ReceiveAsync(buffer)) > 0)
            all.Write(buffer, 0, received);
        return all.ToArray();
    }

    private static async Task ReceiveExactlyAsync(Socket socket, int length)
    {
        byte[] buffer = new byte[length];
        for (int received = 0; received < length;)
        {
            int count = await socket.ReceiveAsync(buffer.AsMemory(received)).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
            Assert.That(count, Is.Positive);
            received += count;
        }
    }

    private sealed class ThreadLog(ConcurrentBag<string?> threads) : ILoggerFactory, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            threads.Add(Thread.CurrentThread.Name);

        public void Dispose()
        {
        }
    }
}
