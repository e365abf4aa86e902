using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;
using TunFlow.Testing;

namespace TunFlow.EndToEnd.Tests;

/// <summary>The interface disappears under a transfer.</summary>
[TestFixture]
public sealed class DeletedInterfaceTests
{
    private static readonly IPEndPoint s_server = new(IPAddress.Parse("198.51.100.7"), 80);

    [OneTimeSetUp]
    public void Check() => Requirements.Check();

    [TestCase(false)]
    [TestCase(true)]
    [AcceptanceRow(7)]
    public async Task Tunnel_ends_at_once_and_does_not_spin(bool general)
    {
        using SinkServer server = new();
        double fastest = double.MaxValue;
        // How soon a thread gets a processor is the machine's affair: the best of three.
        for (int i = 0; i < 3 && fastest >= 100; i++)
            fastest = Math.Min(fastest, await TimeEndAsync(server, general));
        TestContext.Out.WriteLine($"the tunnel ended {fastest:F1} ms after ip said that the interface was deleted");
        Assert.That(fastest, Is.LessThan(100));
    }

    [Test]
    [AcceptanceRow(7)]
    public async Task Tool_says_so_in_one_line_and_fails()
    {
        await using Topology topology = await Topology.CreateAsync();
        using HttpServer server = new(topology.Host.Listen(new IPEndPoint(Topology.Server4, 0)), new byte[200_000_000]);
        if (Requirements.Find("curl") is null)
            Assert.Ignore("curl is not installed");
        Task<ToolResult> curl = topology.Application.RunAsync("curl", "-sS", "--limit-rate", "20M", "--max-time", "5", "-o", "/dev/null", $"http://{Topology.Server4}:{server.Port}/");
        await Task.Delay(1000);
        bool underWay = !curl.IsCompleted;

        topology.Application.Ip($"link delete {Topology.Tun}");
        int code = await topology.Tunnel.WaitAsync();

        string[] lines = [.. topology.Tunnel.Errors().Split('\n').Where(static line => line.StartsWith("tunflow: ", StringComparison.Ordinal))];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(underWay, "the interface was deleted in the middle of a transfer");
            Assert.That(code, Is.EqualTo(1));
            Assert.That(lines, Has.Length.EqualTo(1).And.All.StartsWith($"tunflow: {Topology.Tun}: "));
            Assert.That((await curl).ExitCode, Is.Not.Zero);
        }
    }

    /// <returns>Milliseconds from the deletion of the interface to the end of the tunnel.</returns>
    private static async Task<double> TimeEndAsync(SinkServer server, bool general)
    {
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(server.Port, general));
        long ended = 0;
        Task completion = tunnel.Tunnel.Completion.ContinueWith(
            _ => Volatile.Write(ref ended, Stopwatch.GetTimestamp()), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        using Socket bulk = await tunnel.Application.ConnectAsync(s_server);
        Task upload = Task.Run(() => UploadAsync(bulk));
        while (tunnel.Statistics.StreamBytesUp < 10_000_000)
            await Task.Delay(5);

        tunnel.Application.Ip($"link delete {InProcessTunnel.Tun}");
        long deleted = Stopwatch.GetTimestamp();

        await completion.WaitAsync(Tool.DefaultTimeout);
        Assert.That(tunnel.Statistics.Flows, Is.Zero);
        Assert.That(tunnel.Statistics.Asserts + tunnel.Statistics.UnexpectedExceptions, Is.Zero);
        bulk.Dispose();
        await upload;
        await AssertIdleAsync();
        return Stopwatch.GetElapsedTime(deleted, ended).TotalMilliseconds;
    }

    /// <summary>Until a second comes in which this process takes less than 1 % of a processor; one that spins has none.</summary>
    private static async Task AssertIdleAsync()
    {
        double share = 1;
        for (int i = 0; i < 20 && share >= 0.01; i++)
        {
            TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
            long started = Stopwatch.GetTimestamp();
            await Task.Delay(1000);
            share = (Process.GetCurrentProcess().TotalProcessorTime - before) / Stopwatch.GetElapsedTime(started);
        }

        TestContext.Out.WriteLine($"{share:P2} of a processor afterwards");
        Assert.That(share, Is.LessThan(0.01));
    }

    private static async Task UploadAsync(Socket socket)
    {
        byte[] data = new byte[256 * 1024];
        try
        {
            while (true)
                await socket.SendAsync(data);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The network is gone without a word; so is the test.
        }
    }
}
