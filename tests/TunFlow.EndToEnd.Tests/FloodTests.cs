using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;
using TunFlow.Lwip;
using TunFlow.Testing;

namespace TunFlow.EndToEnd.Tests;

/// <summary>As many SYNs from made-up sources as hping3 can make, beside a transfer that was there before.</summary>
[TestFixture]
public sealed class FloodTests
{
    private const int OneMegabyte = 1_000_000;

    private static readonly IPEndPoint s_server = new(IPAddress.Parse("198.51.100.7"), 80);

    [OneTimeSetUp]
    public void Check() => Requirements.Check("hping3");

    [Test]
    [AcceptanceRow(1)]
    public async Task Established_transfer_keeps_half_its_rate_and_new_connections_succeed()
    {
        using SinkServer server = new();
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(server.Port));
        Assert.That(tunnel.Device.ConnectionRate, Is.Not.Null, "this kernel lacks the discipline that bounds SYNs (HTB, u32)");
        using Socket bulk = await tunnel.Application.ConnectAsync(s_server);
        await UploadAsync(bulk, TimeSpan.FromSeconds(1));

        // What else the machine does in the seconds before, during and after is noise: a round that it spoils is repeated.
        List<double> kept = [];
        do
        {
            double before = await UploadAsync(bulk, TimeSpan.FromSeconds(1.5));
            FloodReport flood = await RunFloodAsync(tunnel, TimeSpan.FromSeconds(5), bulk);
            double afterwards = await TimeConnectAsync(tunnel);
            double after = await UploadAsync(bulk, TimeSpan.FromSeconds(1.5));
            kept.Add(flood.Upload / ((before + after) / 2));
            TestContext.Out.WriteLine($"upload {before:F0} MB/s before, {flood.Upload:F0} during, {after:F0} after the flood; {flood}; a connect after it {afterwards:F3} s");
            using (Assert.EnterMultipleScope())
            {
                Assert.That(flood.SynsDropped, Is.GreaterThan(10_000), "a flood");
                Assert.That(flood.SlowestConnect, Is.LessThanOrEqualTo(3));
                Assert.That(afterwards, Is.LessThanOrEqualTo(1));
                Assert.That(flood.MostHalfOpen, Is.LessThanOrEqualTo(1024));
                Assert.That(flood.MostPending, Is.LessThanOrEqualTo(1024));
                Assert.That(tunnel.Statistics.Asserts + tunnel.Statistics.UnexpectedExceptions, Is.Zero);
            }
        }
        while (kept[^1] < 0.5 && kept.Count < 3);

        Assert.That(kept.Max(), Is.GreaterThanOrEqualTo(0.5));
    }

    [TestCase(AcceptMode.DialFirst)]
    [TestCase(AcceptMode.AcceptFirst)]
    [TestCase(AcceptMode.DialAtFirstPayload)]
    [AcceptanceRow(1)]
    public async Task Memory_and_dials_are_bounded(AcceptMode mode)
    {
        using SinkServer server = new();
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(server.Port), new LwipDeviceOptions { AcceptMode = mode });
        await TimeConnectAsync(tunnel);
        // Until everything that is capped is full.
        await RunFloodAsync(tunnel, TimeSpan.FromSeconds(1.5));
        LwipStatistics full = tunnel.Statistics;

        FloodReport flood = await RunFloodAsync(tunnel, TimeSpan.FromSeconds(3));

        LwipStatistics after = tunnel.Statistics;
        long honest = mode == AcceptMode.DialFirst ? long.MaxValue : tunnel.Statistics.FlowsOpened;
        TestContext.Out.WriteLine($"{flood}; native bytes {full.NativeBytesPeak} with full caps, {after.NativeBytesPeak} at most; {after.Dials} dials, {after.FlowsOpened} opened");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(flood.Packets, Is.GreaterThan(10_000), "a flood");
            Assert.That(flood.MostHalfOpen, Is.LessThanOrEqualTo(1024));
            Assert.That(flood.MostPending, Is.LessThanOrEqualTo(1024));
            Assert.That(after.NativeBytesPeak - full.NativeBytesPeak, Is.LessThan(OneMegabyte));
            Assert.That(after.Dials, Is.LessThanOrEqualTo(honest), "no dial before the third segment of a handshake");
            Assert.That(after.Asserts + after.UnexpectedExceptions, Is.Zero);
        }
    }

    /// <summary>Floods for a while, and meanwhile opens connections again and again.</summary>
    private static async Task<FloodReport> RunFloodAsync(InProcessTunnel tunnel, TimeSpan time, Socket? bulk = null)
    {
        LwipStatistics before = tunnel.Statistics;
        string[] arguments = ["--flood", "--rand-source", "-S", "-p", "80", "-q", "-I", InProcessTunnel.Tun, s_server.Address.ToString()];
        using Process hping = tunnel.Application.Start("hping3", arguments);
        try
        {
            while (tunnel.Statistics.PacketsIn < before.PacketsIn + 1000)
                await Task.Delay(5);
            Task<double> upload = bulk is null ? Task.Delay(time).ContinueWith(static _ => 0.0, TaskScheduler.Default) : Task.Run(() => UploadAsync(bulk, time));
            double slowest = 0;
            int halfOpen = 0, pending = 0;
            while (!upload.IsCompleted)
            {
                slowest = Math.Max(slowest, await TimeConnectAsync(tunnel));
                LwipStatistics now = tunnel.Statistics;
                halfOpen = Math.Max(halfOpen, now.FlowsHalfOpen);
                pending = Math.Max(pending, now.FlowsPending);
                await Task.Delay(50);
            }

            LwipStatistics after = tunnel.Statistics;
            long dropped = after.Drops[PacketDropReason.PendingLimit] - before.Drops[PacketDropReason.PendingLimit];
            return new FloodReport(after.PacketsIn - before.PacketsIn, dropped, await upload, slowest, halfOpen, pending);
        }
        finally
        {
            hping.Kill(entireProcessTree: true);
            await hping.WaitForExitAsync();
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
        return sent / Stopwatch.GetElapsedTime(started).TotalSeconds / OneMegabyte;
    }

    private sealed record FloodReport(long Packets, long SynsDropped, double Upload, double SlowestConnect, int MostHalfOpen, int MostPending);
}
