using System.Globalization;
using TunFlow.Interop;

namespace TunFlow.Lwip.Tests.Leaks;

/// <summary>What this process holds that only the library takes: stacks, native memory, descriptors, threads. Nothing else may run while it is counted.</summary>
/// <param name="Stacks">Native stacks that exist.</param>
/// <param name="NativeBytes">Allocated for stacks that are gone.</param>
/// <param name="Descriptors">Open descriptors of the kinds that devices and sockets take.</param>
/// <param name="Threads">Threads of the library.</param>
internal readonly record struct ProcessResources(long Stacks, long NativeBytes, int Descriptors, int Threads)
{
    private static readonly string[] s_kinds = ["socket:", "/dev/net/tun", "anon_inode:[eventfd]", "anon_inode:[timerfd]", "net:["];

    public static ProcessResources Count() => new(
        StackHandleStatistics.Alive,
        NativeLibraryInfo.IsSupported ? OrphanedMemory.Count() : 0,
        CountDescriptors(),
        CountThreads());

    /// <summary>What is held now and wasn't before; null if nothing.</summary>
    public string? MoreThan(in ProcessResources before)
    {
        List<string> more = [];
        Compare(more, Stacks - before.Stacks, "native stacks whose device wasn't disposed, or whose flows never ended");
        Compare(more, NativeBytes - before.NativeBytes, "native bytes of stacks that are gone");
        Compare(more, Descriptors - before.Descriptors, "open descriptors");
        Compare(more, Threads - before.Threads, "threads");
        return more.Count == 0 ? null : string.Join("; ", more);
    }

    private static void Compare(List<string> more, long difference, string what)
    {
        if (difference > 0)
            more.Add(string.Create(CultureInfo.InvariantCulture, $"{difference} {what}"));
    }

    private static int CountDescriptors()
    {
        const string directory = "/proc/self/fd";
        if (!Directory.Exists(directory))
            return 0;
        return Directory.GetFiles(directory).Count(static entry =>
            new FileInfo(entry).LinkTarget is { } target && Array.Exists(s_kinds, kind => target.StartsWith(kind, StringComparison.Ordinal)));
    }

    private static int CountThreads()
    {
        const string directory = "/proc/self/task";
        return Directory.Exists(directory) ? Directory.GetDirectories(directory).Count(static task => NameOf(task).StartsWith("TunFlow ", StringComparison.Ordinal)) : 0;
    }

    private static string NameOf(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm"));
        }
        catch (IOException)
        {
            // Ended since it was listed.
            return string.Empty;
        }
    }
}
