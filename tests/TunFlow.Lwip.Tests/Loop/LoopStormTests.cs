using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using TunFlow.Devices;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Lwip.Tests.Linux;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Loop;

/// <summary>
/// Applications with the kernel's sockets open, send, half-close, abort and close at random, while dialers are swapped (of those that the engine
/// connects itself and of those it doesn't), everything is aborted, and the TUN is replaced under all of them.
/// </summary>
[TestFixture]
[Category("Lifetime")]
[Platform("Linux")]
[SupportedOSPlatform("linux")]
internal sealed class LoopStormTests
{
    private const int Applications = 24;
    private const int Longest = 400_000;

    private static readonly IPEndPoint s_destination = IPEndPoint.Parse("192.0.2.1:80");
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private int _wrong;
    private int _opened;
    private int _refused;

    private static TimeSpan Duration => Campaign.IsOn ? TimeSpan.FromMinutes(1) : TimeSpan.FromSeconds(3);

    [Test]
    [CancelAfter(240_000)]
    public async Task Flows_on_the_engines_thread_survive_everything_that_may_happen_to_them()
    {
        _wrong = _opened = _refused = 0;
        await using StormServer server = new();
        TunnelHost host = TunnelHost.Start(new PlainDialer(server.EndPoint), new FakePacketProxy(), options: new TunnelOptions
        {
            Stack = new() { LingerTimeout = TimeSpan.FromSeconds(1), TimeWait = TimeSpan.FromMilliseconds(50), DialTimeout = TimeSpan.FromSeconds(2) },
        });
        LwipDevice stack = host.Tunnel.Stack;
        using CancellationTokenSource stop = new(Duration);
        Task[] acting = [.. Enumerable.Range(0, Applications).Select(i => Task.Run(() => ApplyAsync(host, new Random(i), stop.Token), CancellationToken.None))];
        await using LinuxTunDevice last = await ControlAsync(host, server.EndPoint, new Random(99), stop.Token);
        await Task.WhenAll(acting).WaitAsync(TimeSpan.FromSeconds(60));
        await Eventually.HoldsAsync(() => host.Tunnel.GetStatistics().Stack.Flows == 0, "the end of all flows", 30_000);
        LwipStatistics counters = host.Tunnel.GetStatistics().Stack;
        await host.DisposeAsync();
        await Eventually.HoldsAsync(() => stack.IsReleased, "the release of the stack");
        TestContext.Out.WriteLine($"{_opened} connections, {_refused} refused, {server.Connections} at the server, {counters.FlowsOpened} flows");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((counters.Asserts, counters.UnexpectedExceptions), Is.EqualTo((0L, 0L)));
            Assert.That((_wrong, server.Wrong), Is.EqualTo((0, 0)), "streams that were changed on their way");
            Assert.That(_opened, Is.GreaterThan(100), "connections");
        }
    }

    private async Task<LinuxTunDevice> ControlAsync(TunnelHost host, EndPoint server, Random random, CancellationToken stop)
    {
        LinuxTunDevice current = host.Tun;
        for (int replaced = 0; !stop.IsCancellationRequested;)
        {
            await Task.Delay(random.Next(30), CancellationToken.None);
            switch (random.Next(12))
            {
                case 0:
                    LinuxTunDevice next = host.CreateTun($"tfs{++replaced}");
                    await host.Tunnel.ReplaceDeviceAsync(next, CancellationToken.None);
                    await current.DisposeAsync();
                    host.Room.Run(() => next.AddRoute(IPNetwork.Parse("0.0.0.0/0")));
                    current = next;
                    break;
                case 1 when random.Next(4) == 0:
                    host.Tunnel.AbortAll();
                    break;
                case 2:
                    host.Tunnel.OnResume();
                    break;
                case < 5:
                    _ = (host.Tunnel.GetFlows(), host.Tunnel.GetStatistics());
                    break;
                default:
                    SocketConfigurator? slow = random.Next(3) == 0 ? static (_, _) => { } : null;
                    host.Tunnel.SetDialer(new PlainDialer(server, slow), random.Next(6) == 0 ? ExistingFlows.Reset : ExistingFlows.Keep);
                    break;
            }
        }

        return current;
    }

    private async Task ApplyAsync(TunnelHost host, Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            using Socket socket = host.CreateSocket(AddressFamily.InterNetwork, SocketType.Stream);
            using CancellationTokenSource patience = new(s_patience);
            try
            {
                await socket.ConnectAsync(s_destination, patience.Token);
                Interlocked.Increment(ref _opened);
                Task sending = StormStream.SendAsync(socket, random.Next(Longest), random.Next(4) > 0, patience.Token);
                int most = random.Next(3) == 0 ? random.Next(Longest) : int.MaxValue;
                if (!await StormStream.ReceiveAsync(socket, most, patience.Token))
                    Interlocked.Increment(ref _wrong);
                if (random.Next(4) == 0)
                    socket.LingerState = new LingerOption(enable: true, seconds: 0);
                else
                    await sending;
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException)
            {
                // Refused or reset, by the server or by what is done to the tunnel, or silent for long.
                Interlocked.Increment(ref _refused);
            }
        }
    }
}
