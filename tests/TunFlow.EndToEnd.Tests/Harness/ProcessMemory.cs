using System.Globalization;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>The memory of this process.</summary>
internal static class ProcessMemory
{
    /// <summary>The resident set once everything that is free was given back to the system: what is left is in use, but for what lies between.</summary>
    internal static long ResidentInUse()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        _ = NamespaceCalls.TrimHeap(0);
        string line = File.ReadLines("/proc/self/status").First(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }
}
