using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;
using TunFlow.Lwip;
using TunFlow.Testing;

namespace TunFlow.EndToEnd.Tests;

/// <summary>Connect, echo, close, again and again, in every way to close: nothing may stay.</summary>
[TestFixture]
public sealed class ChurnTests
{
    private const int Threads = 16;
    private const int Bytes = 16;

    // A guard against regressions that holds on a busy machine of two cores; what a quiet one does is printed, and 5,000 is what is asked of it.
    private const double LeastPerSecond = 200;

    private const double MostBytesPerConnection = 1;

    // The runtime's own memory comes and goes with what the JIT compiles meanwhile.
    private const long Noise = 512 * 1024;

    [OneTimeSetUp]
    public void Check() => Requirements.Check();

    [TestCase(End.ClientFin)]
    [TestCase(End.ClientReset)]
    [TestCase(End.ServerFin)]
    [AcceptanceRow(29)]
    public async Task Connections_that_come_and_go_leave_nothing(End end)
    {
        int count = Campaign.Rounds(ordinary: 7_000, campaign: 1_000_000);
        using SinkServer server = new(echo: true, once: end == End.ServerFin);
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(server.Port));
        Observation start = await ChurnAsync(tunnel, end, count / 2);
        Observation half = await ObserveAsync(tunnel, start);

        Observation last = await ChurnAsync(tunnel, end, count - (count / 2));
        Observation all = await ObserveAsync(tunnel, last);

        LwipStatistics stack = tunnel.Statistics;
        double live = (double)(all.Live - half.Live) / (count / 2);
        double resident = (double)(all.Resident - half.Resident) / (count / 2);
        TestContext.Out.WriteLine($"{count} connections, {last.PerSecond:F0} a second; {last.MostTimeWait} in TIME_WAIT at most");
        TestContext.Out.WriteLine($"in the second half {live:F2} live bytes and {resident:F2} resident bytes more for each; {all.Native} native bytes, {half.Native} at half time");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(stack.FlowsOpened, Is.EqualTo(count));
            Assert.That(stack.Flows, Is.Zero);
            Assert.That(last.PerSecond, Is.GreaterThan(LeastPerSecond));
            // Two seconds each, of those whose server closed first.
            Assert.That(last.MostTimeWait, Is.LessThanOrEqualTo(end == End.ServerFin ? (4 * last.PerSecond) + 500 : 100));
            Assert.That(all.Native, Is.LessThanOrEqualTo(half.Native + 65_536), "a block of input more or less");
            Assert.That(all.Live - half.Live, Is.LessThan((MostBytesPerConnection * (count / 2)) + Noise));
            if (Campaign.IsOn)
                Assert.That(all.Resident - half.Resident, Is.LessThan((MostBytesPerConnection * (count / 2)) + (8 * Noise)));
            Assert.That(stack.Asserts + stack.UnexpectedExceptions, Is.Zero);
        }
    }

    private static async Task<Observation> ChurnAsync(InProcessTunnel tunnel, End end, int count)
    {
        int next = 0;
        int mostTimeWait = 0;
        long started = Stopwatch.GetTimestamp();
        Task[] clients = [.. Enumerable.Range(0, Threads).Select(_ => Task.Factory.StartNew(
            () => tunnel.Application.Do(() =>
            {
                for (int i = Interlocked.Increment(ref next); i <= count; i = Interlocked.Increment(ref next))
                    LiveOnce(end, i);
                return true;
            }),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        Task all = Task.WhenAll(clients);
        while (!all.IsCompleted)
        {
            mostTimeWait = Math.Max(mostTimeWait, tunnel.Statistics.FlowsTimeWait);
            await Task.WhenAny(all, Task.Delay(50));
        }

        await all;
        return new Observation(count / Stopwatch.GetElapsedTime(started).TotalSeconds, mostTimeWait, 0, 0, 0);
    }

    private static void LiveOnce(End end, int number)
    {
        Span<byte> data = stackalloc byte[Bytes];
        data.Fill((byte)number);
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        // Many destinations, so that the client's own TIME_WAIT does not use up its ports.
        socket.Connect(new IPAddress([198, 51, 100, (byte)(1 + (number % 250))]), 80);
        socket.Send(data);
        Span<byte> answer = stackalloc byte[Bytes];
        int count = 0, received;
        while (count < Bytes && (received = socket.Receive(answer[count..])) > 0)
            count += received;
        if (count != Bytes || !answer.SequenceEqual(data))
            throw new InvalidDataException($"connection {number} got {count} bytes back");
        if (end == End.ClientReset)
            socket.LingerState = new LingerOption(true, 0);
        else if (end == End.ServerFin && socket.Receive(answer) != 0)
            throw new InvalidDataException($"connection {number} got more than it sent");
    }

    /// <summary>What lives when nothing goes on.</summary>
    private static async Task<Observation> ObserveAsync(InProcessTunnel tunnel, Observation churn)
    {
        await tunnel.SettleAsync(TimeSpan.FromSeconds(20));
        for (int i = 0; i < 3; i++)
        {
            // Gives pages back, too: what is resident then is in use.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        long native = tunnel.Statistics.NativeBytes;
        long live = native + GC.GetTotalMemory(forceFullCollection: true);
        string line = File.ReadLines("/proc/self/status").First(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        long resident = long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
        return churn with { Native = native, Live = live, Resident = resident };
    }

    public enum End
    {
        ClientFin,
        ClientReset,
        ServerFin,
    }

    private sealed record Observation(double PerSecond, int MostTimeWait, long Native, long Live, long Resident);
}
