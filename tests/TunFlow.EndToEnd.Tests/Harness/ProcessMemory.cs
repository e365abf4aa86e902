using System.Globalization;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>The memory of this process.</summary>
internal static class ProcessMemory
{
    /// <summary>The resident set once everything that is free was given back to the system: what is left is in use, but for what lies between.</summary>
    internal static ResidentSet InUse()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        _ = NamespaceCalls.TrimHeap(0);
        Dictionary<string, long> status = File.ReadLines("/proc/self/status")
            .Where(static line => line.StartsWith("Rss", StringComparison.Ordinal))
            .Select(static line => line.Split((char[])[':', ' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
            .ToDictionary(static words => words[0], static words => long.Parse(words[1], CultureInfo.InvariantCulture) * 1024);
        return new ResidentSet(status["RssAnon"], status["RssShmem"], status["RssFile"], Directory.GetDirectories("/proc/self/task").Length);
    }
}
