using System.Collections.Concurrent;

namespace TunFlow.Interop;

/// <summary>What became of the stacks of this process; tests assert on it. Every member is thread-safe.</summary>
internal static class StackHandleStatistics
{
    /// <summary>
    /// AppContext switch: remember where each handle was created and list those that were finalized. Costs a stack trace per
    /// stack, so it is off by default.
    /// </summary>
    internal const string TrackingSwitch = "TunFlow.TrackStackHandles";

    /// <summary>A leaking program must not also leak its reports.</summary>
    private const int MaxReports = 64;

    private static readonly ConcurrentQueue<string> Reports = new();
    private static long s_alive;
    private static long s_finalized;
    private static long s_leaked;

    /// <summary>Stacks created and not destroyed.</summary>
    internal static long Alive => Interlocked.Read(ref s_alive);

    /// <summary>Handles that the garbage collector had to clean up because nobody disposed them: a bug of their owner.</summary>
    internal static long Finalized => Interlocked.Read(ref s_finalized);

    /// <summary>Stacks that could not be destroyed (TF_E_BUSY, TF_E_STALE); their slots stay taken until the process ends.</summary>
    internal static long Leaked => Interlocked.Read(ref s_leaked);

    /// <summary>Where the first finalized handles were created, oldest first; empty unless the tracking switch is on.</summary>
    internal static IReadOnlyList<string> FinalizedCreations => [.. Reports];

    internal static string? OnCreated()
    {
        Interlocked.Increment(ref s_alive);
        return AppContext.TryGetSwitch(TrackingSwitch, out var enabled) && enabled ? Environment.StackTrace : null;
    }

    internal static void OnFinalized(string? creation)
    {
        Interlocked.Increment(ref s_finalized);
        if (creation is not null && Reports.Count < MaxReports)
            Reports.Enqueue(creation);
    }

    internal static void OnReleased(TfStatus status)
    {
        if (status == TfStatus.Ok)
            Interlocked.Decrement(ref s_alive);
        else
            Interlocked.Increment(ref s_leaked);
    }
}
