using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;
using TunFlow.Lwip;
using TunFlow.Testing;

namespace TunFlow.EndToEnd.Tests;

/// <summary>Connect, echo, close, again and again, in every way to close: nothing may stay. Clients and server are programs of their own.</summary>
[TestFixture]
public sealed class ChurnTests
{
    private const int AtATime = 64;

    // A guard against regressions that holds on a busy machine of two cores; a campaign's, which is quiet, does what is asked of it.
    private static readonly double s_leastPerSecond = Campaign.Rounds(ordinary: 300, campaign: 5_000);

    private const double MostBytesPerConnection = 1;

    // The runtime's own memory comes and goes with what the JIT compiles meanwhile; beside a campaign's numbers it is nothing.
    private static readonly long s_noise = Campaign.Rounds(ordinary: 512 * 1024, campaign: 0);

    // Of the resident set: code that the JIT makes better, pages of libraries that are touched, threads of the pool. What lies free between
    // used blocks in the C library's heaps, eight a processor, goes on growing past the first million; the campaign allows two heaps.
    private const long ResidentNoise = 4 * 1024 * 1024;

    [OneTimeSetUp]
    public void Check()
    {
        Requirements.Check();
        LoadTool.Check();
    }

    [TestCase(End.ClientFin)]
    [TestCase(End.ClientReset)]
    [TestCase(End.ServerFin)]
    [AcceptanceRow(29)]
    public async Task Connections_that_come_and_go_leave_nothing(End end)
    {
        int half = Campaign.Rounds(ordinary: 7_000, campaign: Campaign.Setting("CHURN", 500_000));
        int parts = Campaign.Rounds(ordinary: 2, campaign: 10);
        await using LoadServer server = await LoadServer.StartAsync(end == End.ServerFin ? "once" : "echo");
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(server.Port));
        List<Part> all = [await ChurnAsync(tunnel, end, half)];
        for (int i = 0; i < parts; i++)
            all.Add(await ChurnAsync(tunnel, end, half / parts));

        LwipStatistics stack = tunnel.Statistics;
        Part first = all[0], last = all[^1];
        List<Part> later = all[1..];
        double live = (double)(last.Live - first.Live) / half;
        double slope = Slope(later, half / parts);
        double rate = later.Max(static part => part.PerSecond);
        Campaign.Report($"{end}: connections a second, of {later.Count} parts the best", rate);
        Campaign.Report($"{end}: connections a second, all", later.Count / later.Sum(static part => 1 / part.PerSecond));
        Campaign.Report($"{end}: processor microseconds of this process for a connection", later.Min(static part => part.Processor));
        Campaign.Report($"{end}: until the answer, microseconds, p99", later.Min(static part => part.Slow));
        Campaign.Report($"{end}: flows in TIME_WAIT at most", all.Max(static part => part.MostTimeWait));
        Campaign.Report($"{end}: live bytes more for each connection of the second half", live);
        Campaign.Report($"{end}: resident bytes of data more for each connection of the second half", slope);
        TestContext.Out.WriteLine($"load of the machine: {(await File.ReadAllTextAsync("/proc/loadavg")).TrimEnd()}; resident MB (data+code+files) and threads: {string.Join(", ", all.Select(static part => part.Resident))}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(all.Select(static part => part.Failures), Is.All.EqualTo("{}"));
            Assert.That(stack.FlowsOpened, Is.EqualTo(2 * half));
            Assert.That(stack.Flows, Is.Zero);
            Assert.That(await server.StopAsync(), Is.EqualTo(2 * half));
            Assert.That(rate, Is.GreaterThan(s_leastPerSecond));
            // Two seconds each, of those whose server closed first.
            Assert.That(all.Max(static part => part.MostTimeWait), Is.LessThanOrEqualTo(end == End.ServerFin ? (4 * all.Max(static part => part.PerSecond)) + 500 : 100));
            Assert.That(last.Native, Is.LessThanOrEqualTo(first.Native + 65_536), "a block of input more or less");
            Assert.That(last.Live - first.Live, Is.LessThan((MostBytesPerConnection * half) + s_noise));
            if (Campaign.IsOn)
                Assert.That(last.Resident.All - first.Resident.All, Is.LessThan((MostBytesPerConnection * half) + ResidentNoise));
            Assert.That(stack.Asserts + stack.UnexpectedExceptions, Is.Zero);
        }
    }

    private static async Task<Part> ChurnAsync(InProcessTunnel tunnel, End end, int count)
    {
        int mostTimeWait = 0;
        TimeSpan before = Environment.CpuUsage.TotalTime;
        string word = end switch { End.ClientFin => "client-fin", End.ClientReset => "client-reset", _ => "server-fin" };
        // Many destinations, so that the client's own TIME_WAIT does not use up its ports.
        Task<ConnectionReport> clients = LoadTool.ConnectAsync(tunnel.Application, "198.51.100.1-250:80", count, AtATime, word, TimeSpan.FromSeconds(60) + TimeSpan.FromMilliseconds(4 * count));
        while (!clients.IsCompleted)
        {
            mostTimeWait = Math.Max(mostTimeWait, tunnel.Statistics.FlowsTimeWait);
            await Task.WhenAny(clients, Task.Delay(50));
        }

        ConnectionReport report = await clients;
        double processor = (Environment.CpuUsage.TotalTime - before).TotalMicroseconds / count;
        await tunnel.SettleAsync(TimeSpan.FromSeconds(20));
        ResidentSet resident = ProcessMemory.InUse();
        long native = tunnel.Statistics.NativeBytes;
        return new Part(report.PerSecond, report.Slow, report.Failures, processor, mostTimeWait, native, native + GC.GetTotalMemory(forceFullCollection: true), resident);
    }

    /// <summary>
    /// Bytes of data for a connection, between the least of the first parts and the least of the last ones: what comes and goes meanwhile,
    /// such as threads of the pool and their stacks, only adds to what stays.
    /// </summary>
    private static double Slope(List<Part> parts, int connections)
    {
        int few = Math.Max(1, parts.Count / 3);
        long before = parts.Take(few).Min(static part => part.Resident.Data);
        long after = parts.TakeLast(few).Min(static part => part.Resident.Data);
        return (double)(after - before) / ((long)(parts.Count - few) * connections);
    }

    public enum End
    {
        ClientFin,
        ClientReset,
        ServerFin,
    }

    /// <summary>What was seen of a run of connections, and what lived when all of them were gone.</summary>
    private sealed record Part(double PerSecond, double Slow, string Failures, double Processor, int MostTimeWait, long Native, long Live, ResidentSet Resident);
}
