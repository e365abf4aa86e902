using System.Diagnostics;
using System.Reflection;
using NUnit.Framework;

namespace TunFlow.Testing;

/// <summary>Measures what a loop of asynchronous calls allocates, in all threads, by the counter of the whole process.</summary>
public static class Allocation
{
    /// <summary>Rounds of a measurement.</summary>
    public const int Rounds = 4000;

    /// <summary>What a packet of a flow or session that runs may allocate: none of the objects there are, but for one in thousands.</summary>
    public const double MostBytesPerPacket = 0.01;

    private const int WarmUp = 2000;
    private const int SteadyAttempts = 4;
    private const int Attempts = 30;

    // A state machine whose continuation changes threads misses the pool now and then; a real allocation per round is several times as much.
    private const long NoiseBytesPerRound = 12;

    private static readonly TimeSpan s_longestNoise = TimeSpan.FromSeconds(20);

    /// <summary>Skips the test where the code under test was built without optimization.</summary>
    /// <param name="tested">A type of it.</param>
    public static void NeedsOptimizedCode(Type tested)
    {
        ArgumentNullException.ThrowIfNull(tested);
        if (tested.Assembly.GetCustomAttribute<DebuggableAttribute>() is { IsJITOptimizerDisabled: true })
            Assert.Ignore("In a debug build every asynchronous method allocates its state machine.");
    }

    /// <summary>Fails if the loop allocates. To be called by fixtures that run alone.</summary>
    /// <param name="run">Runs so many rounds.</param>
    public static async Task AssertNoneAsync(Func<int, Task> run)
    {
        ArgumentNullException.ThrowIfNull(run);

        // Away from the test runner's contexts, whose flow allocates.
        Task<long> measurement;
        using (ExecutionContext.SuppressFlow())
        {
            measurement = Task.Run(() => MeasureAsync(run));
        }

        long bytes = await measurement.ConfigureAwait(false);
        TestContext.Out.WriteLine($"{(double)bytes / Rounds:F1} bytes per round");
        if (bytes < NoiseBytesPerRound * Rounds)
            return;

        string idle = await AllocationSample.TakeAsync(TimeSpan.FromSeconds(1)).ConfigureAwait(false);
        Assert.Fail($"{(double)bytes / Rounds:F1} bytes per round, at most {NoiseBytesPerRound} expected. With nothing of this test under way:\n{idle}");
    }

    /// <summary>
    /// Fails unless packets that follow each other allocate less than <see cref="MostBytesPerPacket"/> each. A million of them in a campaign;
    /// in the ordinary run fewer, at the same number of bytes each. To be called by fixtures that run alone.
    /// </summary>
    /// <param name="run">Moves so many packets, without allocating anything itself.</param>
    /// <param name="ordinary">Packets in the ordinary run.</param>
    public static async Task AssertSteadyAsync(Action<int> run, int ordinary = 1_000_000)
    {
        ArgumentNullException.ThrowIfNull(run);
        int packets = Campaign.Rounds(ordinary, 1_000_000);
        // On a thread of its own: the pool makes up for one that is kept busy, and a new thread allocates.
        await WaitForQuietAsync().ConfigureAwait(false);
        Task<(long, string)> measurement;
        using (ExecutionContext.SuppressFlow())
        {
            measurement = Task.Factory.StartNew(() => MeasureSteady(run, packets), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        (long bytes, string types) = await measurement.ConfigureAwait(false);
        Campaign.Report($"{TestContext.CurrentContext.Test.FullName}, managed bytes allocated per packet", (double)bytes / packets);
        Assert.That(bytes, Is.LessThan((long)(packets * MostBytesPerPacket)), $"bytes for {packets} packets; while they run the process allocates\n{types}");
    }

    /// <summary>The least of some measurements, as in <see cref="MeasureAsync"/>, and what was allocated if that is too much.</summary>
    private static (long Bytes, string Types) MeasureSteady(Action<int> run, int packets)
    {
        run(packets / 4);
        long least = long.MaxValue;
        for (int attempt = 0; attempt < SteadyAttempts; attempt++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            run(packets);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
            if (least < packets * MostBytesPerPacket)
                return (least, string.Empty);
        }

        Task<string> sample = AllocationSample.TakeAsync(TimeSpan.FromSeconds(1));
        while (!sample.IsCompleted)
            run(packets / 10);
        return (least, sample.GetAwaiter().GetResult());
    }

    /// <summary>The least of a few measurements: what the library allocates per round is in all of them, what the rest of the process does isn't.</summary>
    private static async Task<long> MeasureAsync(Func<int, Task> run)
    {
        await WaitForQuietAsync().ConfigureAwait(false);
        await run(WarmUp).ConfigureAwait(false);
        long least = long.MaxValue;
        for (int attempt = 0; attempt < Attempts && least >= NoiseBytesPerRound * Rounds; attempt++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            await run(Rounds).ConfigureAwait(false);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        return least;
    }

    /// <summary>The test runner reports the tests before this one in the background, and what they left behind comes to its end.</summary>
    private static async Task WaitForQuietAsync()
    {
        TimeSpan window = TimeSpan.FromMilliseconds(50);
        for (TimeSpan waited = TimeSpan.Zero; waited < s_longestNoise; waited += window)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            await Task.Delay(window).ConfigureAwait(false);
            if (GC.GetTotalAllocatedBytes(precise: true) - before < NoiseBytesPerRound * Rounds)
            {
                return;
            }
        }
    }
}
