using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.Lwip;

namespace TunFlow.EndToEnd.Tests;

/// <summary>Hostile amounts of packets from the tunnel's own machine.</summary>
[TestFixture]
public sealed class FloodTests
{
    private static readonly IPEndPoint s_server = new(IPAddress.Parse("198.51.100.7"), 80);

    [Test]
    public async Task Flood_of_SYNs_from_made_up_sources_stops_nobody()
    {
        Requirements.Check("hping3");
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(4096);
        _ = AcceptAsync(listener);
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(((IPEndPoint)listener.LocalEndPoint!).Port));
        // Made-up sources can't be answered: nothing routes to them but the TUN itself.
        using Socket bulk = await tunnel.Application.ConnectAsync(s_server);
        double quiet = await UploadAsync(bulk, TimeSpan.FromSeconds(2));
        LwipStatistics before = tunnel.Tunnel.GetStatistics().Stack;

        using Process flood = tunnel.Application.Start("hping3", "--flood", "--rand-source", "-S", "-p", "80", "-q", "-I", "tunflow1", s_server.Address.ToString());
        List<double> connects = [];
        int mostHalfOpen = 0;
        int mostPending = 0;
        Task<double> flooded = Task.Run(() => UploadAsync(bulk, TimeSpan.FromSeconds(5)));
        while (!flooded.IsCompleted)
        {
            connects.Add(await TimeConnectAsync(tunnel));
            LwipStatistics now = tunnel.Tunnel.GetStatistics().Stack;
            mostHalfOpen = Math.Max(mostHalfOpen, now.FlowsHalfOpen);
            mostPending = Math.Max(mostPending, now.FlowsPending);
            await Task.Delay(100);
        }

        double loud = await flooded;
        flood.Kill(entireProcessTree: true);
        await flood.WaitForExitAsync();
        double afterwards = await TimeConnectAsync(tunnel);
        LwipStatistics after = tunnel.Tunnel.GetStatistics().Stack;

        TestContext.Out.WriteLine($"{(after.PacketsIn - before.PacketsIn) / 1000} thousand packets, {after.Drops[PacketDropReason.PendingLimit]} SYNs dropped, {after.Dials - before.Dials} dials");
        TestContext.Out.WriteLine($"upload {quiet:F0} MB/s, during the flood {loud:F0} MB/s");
        TestContext.Out.WriteLine($"{connects.Count} connections during the flood, {connects.Max():F3} s at most; {afterwards:F3} s after it");
        TestContext.Out.WriteLine($"half-open {mostHalfOpen}, pending {mostPending} at most; native bytes {before.NativeBytes} before, {after.NativeBytesPeak} at most");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(after.Drops[PacketDropReason.PendingLimit], Is.GreaterThan(10_000), "a flood");
            Assert.That(connects.Max(), Is.LessThan(3));
            Assert.That(afterwards, Is.LessThan(1));
            Assert.That(mostHalfOpen, Is.LessThanOrEqualTo(1024));
            Assert.That(mostPending, Is.LessThanOrEqualTo(1024));
            Assert.That(loud, Is.GreaterThan(quiet / 2));
            Assert.That(after.Asserts + after.UnexpectedExceptions, Is.Zero);
        }
    }

    private static async Task<double> TimeConnectAsync(InProcessTunnel tunnel)
    {
        long started = Stopwatch.GetTimestamp();
        using Socket socket = await tunnel.Application.ConnectAsync(s_server);
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task<double> UploadAsync(Socket socket, TimeSpan time)
    {
        byte[] data = new byte[256 * 1024];
        long sent = 0;
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < time)
            sent += await socket.SendAsync(data);
        return sent / Stopwatch.GetElapsedTime(started).TotalSeconds / 1e6;
    }

    /// <summary>Reads whatever comes, until the listener is disposed.</summary>
    private static async Task AcceptAsync(Socket listener)
    {
        try
        {
            while (true)
                _ = ReadToEndAsync(await listener.AcceptAsync());
        }
        catch (SocketException)
        {
            // The test is over.
        }
    }

    private static async Task ReadToEndAsync(Socket socket)
    {
        using (socket)
        {
            byte[] buffer = new byte[256 * 1024];
            try
            {
                while (await socket.ReceiveAsync(buffer) > 0)
                {
                }
            }
            catch (SocketException)
            {
                // An evicted handshake resets its upstream.
            }
        }
    }
}
