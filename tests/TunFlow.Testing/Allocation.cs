using System.Diagnostics;
using System.Reflection;
using NUnit.Framework;

namespace TunFlow.Testing;

/// <summary>Measures what a loop of asynchronous calls allocates, in all threads, by the counter of the whole process.</summary>
public static class Allocation
{
    /// <summary>Rounds of a measurement.</summary>
    public const int Rounds = 4000;

    private const int WarmUp = 2000;
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
