using System.Collections.Concurrent;
using NUnit.Framework.Interfaces;
using TunFlow.Interop;

namespace TunFlow.Lwip.Tests.Leaks;

/// <summary>
/// Fails a test that ends with more than it began with (<see cref="ProcessResources"/>), or leaves a handle to the finalizer; on an assembly every
/// test of it, and what its fixtures share.
/// </summary>
/// <remarks>Counts what the process holds, so tests under it must not run beside each other.</remarks>
[AttributeUsage(AttributeTargets.Assembly | AttributeTargets.Class)]
internal sealed class LeakCheckAttribute : Attribute, ITestAction
{
    // One test at a time: no locks.
    private static long s_finalized = StackHandleStatistics.Finalized;
    private static long s_lost = StackHandleStatistics.Leaked;
    private static long s_strays;

    private readonly ConcurrentDictionary<string, ProcessResources> _before = [];

    /// <summary>How long to wait for what ends in the background: the bounded part of a disposal, threads that leave.</summary>
    public int PatienceMilliseconds { get; init; } = 5000;

    public ActionTargets Targets => ActionTargets.Test | ActionTargets.Suite;

    public void BeforeTest(ITest test)
    {
        _before[test.Id] = ProcessResources.Count();
        // Where a handle was made is worth a stack trace each, here.
        AppContext.SetSwitch(StackHandleStatistics.TrackingSwitch, true);
    }

    public void AfterTest(ITest test)
    {
        if (!_before.TryRemove(test.Id, out ProcessResources before))
            return;
        AppContext.SetSwitch(StackHandleStatistics.TrackingSwitch, false);
        string? more = WaitForEnd(before);
        string? lost = FindLost((int?)test.Properties.Get(LeavesToFinalizerAttribute.Name) ?? 0);
        if (more is not null || lost is not null)
            Assert.Fail($"{test.FullName} leaks {string.Join("; ", new[] { more, lost }.OfType<string>())}");
    }

    private string? WaitForEnd(in ProcessResources before)
    {
        long start = Environment.TickCount64;
        while (true)
        {
            ProcessResources now = ProcessResources.Count();
            string? more = now.MoreThan(before);
            if (more is null || Environment.TickCount64 - start > PatienceMilliseconds)
            {
                // Told now; not to be told again of the test during which they are finalized.
                s_strays = Math.Min(s_strays, before.Stacks) + Math.Max(0, now.Stacks - before.Stacks);
                return more;
            }

            Thread.Sleep(1);
            // Last packets that nobody read are memory only, and the collector's to free.
            Collect();
        }
    }

    private static string? FindLost(int expected)
    {
        Collect();
        long finalized = StackHandleStatistics.Finalized - s_finalized;
        long undestroyed = StackHandleStatistics.Leaked - s_lost;
        s_finalized += finalized;
        s_lost += undestroyed;
        long known = Math.Min(finalized, s_strays);
        s_strays -= known;
        finalized -= known;
        if (undestroyed != 0)
            return $"{undestroyed} stacks that were in use when they should have been destroyed";
        if (finalized == expected)
            return null;
        IReadOnlyList<string> made = StackHandleStatistics.FinalizedCreations;
        return $"{finalized} handles to the finalizer where {expected} were expected; the last one was made{Environment.NewLine}{(made.Count == 0 ? "elsewhere" : made[^1])}";
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}
