using System.Diagnostics;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>Connections that come and go by the ten thousand a second.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class ChurnTests : LoadFixture
{
    private const int Clients = 128;

    // The runtime's own memory comes and goes with what the JIT compiles meanwhile; beside a campaign's numbers it is nothing.
    private static readonly long s_noise = Campaign.Rounds(ordinary: 256 * 1024, campaign: 0);

    [Test]
    [AcceptanceRow(29)]
    public async Task Connect_echo_and_close_of_every_kind_5000_times_a_second_and_no_memory_stays()
    {
        long half = Campaign.Rounds(25, 500) * 1000L;
        LoadDialer dialer = new() { Echoes = true };
        (LwipDevice device, Swarm swarm) = Start(Clients, dialer);
        ChurnLoad load = new(swarm, dialer);
        int mostWaiting = 0;
        void Look() => mostWaiting = Math.Max(mostWaiting, device.GetStatistics().FlowsTimeWait);

        long started = Stopwatch.GetTimestamp();
        TimeSpan processor = Process.GetCurrentProcess().TotalProcessorTime;
        await load.RunAsync(half, Look);
        long middle = await MemoryAsync(device, swarm);
        long resident = Environment.WorkingSet;
        TimeSpan pause = Stopwatch.GetElapsedTime(started);
        await load.RunAsync(half, Look, Campaign.Rounds(120, 1200));
        double seconds = (Stopwatch.GetElapsedTime(started) - pause).TotalSeconds;
        processor = Process.GetCurrentProcess().TotalProcessorTime - processor;
        long grown = await MemoryAsync(device, swarm) - middle;
        double slope = (double)grown / half;
        LwipStatistics statistics = device.GetStatistics();
        double each = processor.TotalMicroseconds / (2 * half);
        TestContext.Out.WriteLine(
            $"{half / seconds:F0} connections/s, {each:F0} us of processor time each (both sides and the test), {slope:F2} bytes each (resident set: {(double)(Environment.WorkingSet - resident) / half:F1}), " +
            $"{mostWaiting} in TIME_WAIT at most, peak {statistics.NativeBytesPeak >> 10} KiB native");
        using (Assert.EnterMultipleScope())
        {
            // By processor time, on one processor: others may be using the machine.
            Assert.That(each, Is.LessThan(1_000_000 / 5000), "microseconds of a connection, which allow 5,000 a second");
            Assert.That(grown, Is.LessThan(half + s_noise), "bytes of memory that stay: at most one for each connection of the second half");
            Assert.That(mostWaiting, Is.LessThanOrEqualTo(new LwipDeviceOptions().MaxFlows));
            Assert.That((load.Done, statistics.FlowsOpened, statistics.Retransmissions), Is.EqualTo((2 * half, 2 * half, 0L)));
            Assert.That(dialer.Calls, Is.EqualTo(2 * half));
        }
    }

    [Test]
    [Weakness(13)]
    public async Task Ten_thousand_short_connections_a_second_for_a_minute_keep_memory_bounded()
    {
        int seconds = Campaign.Rounds(6, 60);
        ManualTimeProvider time = new();
        LoadDialer dialer = new() { Echoes = true };
        LwipDeviceOptions options = new() { TimeProvider = time };
        (LwipDevice device, Swarm swarm) = Start(Clients, dialer, options);
        ChurnLoad load = new(swarm, dialer);
        List<long> peaks = [];
        int mostWaiting = 0;
        for (int second = 0; second < seconds; second++)
        {
            long most = 0;
            for (int tenth = 0; tenth < 10; tenth++)
            {
                await load.RunAsync(1000);
                time.Advance(TimeSpan.FromMilliseconds(100));
                LwipStatistics now = device.GetStatistics();
                most = Math.Max(most, now.NativeBytes);
                mostWaiting = Math.Max(mostWaiting, now.FlowsTimeWait);
            }

            peaks.Add(most);
        }

        TestContext.Out.WriteLine($"native {peaks[2] >> 10} KiB in the third second, {peaks[^1] >> 10} KiB in the last; {mostWaiting} in TIME_WAIT at most");
        using (Assert.EnterMultipleScope())
        {
            // A third of them ends here first: two seconds' worth of those, and what ends meanwhile.
            Assert.That(mostWaiting, Is.InRange(10_000 / 3, (2 * 10_000 / 3) + 2000));
            Assert.That(peaks[^1], Is.EqualTo(peaks[2]).Within(10).Percent);
        }

        time.Advance(options.TimeWait);
        await swarm.WaitAsync(() => device.GetStatistics().Flows == 0, "the end of all flows");
    }

    /// <summary>What all flows left behind, once they are gone.</summary>
    private static async Task<long> MemoryAsync(LwipDevice device, Swarm swarm)
    {
        await swarm.WaitAsync(() => device.GetStatistics().Flows == 0, "the end of all flows");
        long least = long.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            await Task.Delay(20);
            GC.WaitForPendingFinalizers();
            least = Math.Min(least, GC.GetTotalMemory(forceFullCollection: true) + device.GetStatistics().NativeBytes);
        }

        return least;
    }
}
