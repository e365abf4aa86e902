using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.Testing;

namespace TunFlow.EndToEnd.Tests;

/// <summary><c>tunflow up</c> is stopped for a while, as a machine is that sleeps, and goes on.</summary>
[TestFixture]
[Category("Campaign")]
public sealed class SuspendTests
{
    private const int Stop = 19;
    private const int Continue = 18;
    private const int Flows = 50;

    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    [OneTimeSetUp]
    public void Check() => Requirements.Check();

    [Test]
    [AcceptanceRow(36)]
    public async Task Living_flows_go_on_dead_ones_are_reset_and_new_ones_work_within_a_second()
    {
        TimeSpan pause = TimeSpan.FromSeconds(Campaign.Rounds(ordinary: 5, campaign: 60));
        await using Topology topology = await Topology.CreateAsync();
        using Socket listener = topology.Host.Listen(new IPEndPoint(Topology.Server4, 0));
        var server = (IPEndPoint)listener.LocalEndPoint!;
        List<(Socket Client, Socket Server)> flows = [];
        for (int i = 0; i < Flows; i++)
            flows.Add(await OpenAsync(topology, listener, server));

        TimeSpan before = ProcessorTime(topology.Tunnel.Id);
        _ = NamespaceCalls.Kill(topology.Tunnel.Id, Stop);
        await Task.Delay(pause);
        // Of two of three flows one end dies meanwhile.
        for (int i = 0; i < Flows; i++)
        {
            if (i % 3 < 2)
                Reset(i % 3 == 0 ? flows[i].Server : flows[i].Client);
        }

        _ = NamespaceCalls.Kill(topology.Tunnel.Id, Continue);
        long started = Stopwatch.GetTimestamp();

        (Socket fresh, Socket freshServer) = await OpenAsync(topology, listener, server);
        TimeSpan connected = Stopwatch.GetElapsedTime(started);
        Task[] fates = [.. flows.Select(FateAsync)];
        await Task.WhenAll(fates).WaitAsync(Tool.DefaultTimeout);
        TimeSpan settled = Stopwatch.GetElapsedTime(started);
        await Task.Delay(s_second);
        TimeSpan spent = ProcessorTime(topology.Tunnel.Id) - before;

        TestContext.Out.WriteLine($"after {pause.TotalSeconds} s: a new connection in {connected.TotalMilliseconds:F0} ms, all others known in {settled.TotalMilliseconds:F0} ms, {spent.TotalMilliseconds:F0} ms of processor time");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(connected, Is.LessThanOrEqualTo(s_second));
            Assert.That(spent, Is.LessThan(TimeSpan.FromMilliseconds(500)), "no storm of timers");
        }

        fresh.Dispose();
        freshServer.Dispose();
        foreach ((Socket client, Socket upstream) in flows)
        {
            client.Dispose();
            upstream.Dispose();
        }

        Assert.That(await topology.Tunnel.StopAsync(), Is.Zero, topology.Tunnel.Errors());
    }

    private static Task FateAsync((Socket Client, Socket Server) flow, int number) => (number % 3) switch
    {
        0 => ExpectResetAsync(flow.Client),
        1 => ExpectResetAsync(flow.Server),
        _ => EchoAsync(flow.Client, flow.Server),
    };

    private static async Task<(Socket Client, Socket Server)> OpenAsync(Topology topology, Socket listener, IPEndPoint server)
    {
        Socket client = await topology.Application.ConnectAsync(server);
        Socket accepted = await listener.AcceptAsync().WaitAsync(Tool.DefaultTimeout);
        await EchoAsync(client, accepted);
        return (client, accepted);
    }

    private static async Task EchoAsync(Socket client, Socket server)
    {
        byte[] buffer = new byte[4];
        await client.SendAsync("ping"u8.ToArray());
        Assert.That(await server.ReceiveAsync(buffer).WaitAsync(Tool.DefaultTimeout), Is.EqualTo(4));
        await server.SendAsync("pong"u8.ToArray());
        Assert.That(await client.ReceiveAsync(buffer).WaitAsync(Tool.DefaultTimeout), Is.EqualTo(4));
        Assert.That(buffer, Is.EqualTo("pong"u8.ToArray()));
    }

    private static void Reset(Socket socket)
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
    }

    private static async Task ExpectResetAsync(Socket socket)
    {
        try
        {
            int count = await socket.ReceiveAsync(new byte[1]).WaitAsync(Tool.DefaultTimeout);
            Assert.Fail($"received {count} bytes of a dead flow");
        }
        catch (SocketException exception)
        {
            Assert.That(exception.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
        }
    }

    private static TimeSpan ProcessorTime(int process)
    {
        const int User = 11;
        const int System = 12;
        string[] fields = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/stat")).Split(") ")[^1].Split(' ');
        long ticks = long.Parse(fields[User], CultureInfo.InvariantCulture) + long.Parse(fields[System], CultureInfo.InvariantCulture);
        return TimeSpan.FromMilliseconds(ticks * 10);
    }
}
