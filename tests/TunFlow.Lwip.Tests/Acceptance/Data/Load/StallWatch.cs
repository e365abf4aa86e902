using System.Diagnostics;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Load;

/// <summary>How long nothing moved although the processors would have had time for it: what a lost wake-up looks like.</summary>
/// <remarks>
/// Looks every few milliseconds. While a thread of the pool wants to run and isn't let (proc(5), state R), others have the processors, and that time is no stall of ours.
/// </remarks>
internal sealed class StallWatch : IDisposable
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(5);

    private readonly Func<long> _progress;
    private readonly Thread _thread;
    private volatile bool _over;

    /// <param name="progress">A number that changes while all is well.</param>
    public StallWatch(Func<long> progress)
    {
        _progress = progress;
        _thread = new Thread(Look) { IsBackground = true, Name = "stall watch" };
        _thread.Start();
    }

    /// <summary>The longest time in milliseconds, once the watch was disposed.</summary>
    public double Longest { get; private set; }

    public void Dispose()
    {
        _over = true;
        _thread.Join();
    }

    private void Look()
    {
        long seen = _progress();
        double stalled = 0;
        while (!_over)
        {
            long before = Stopwatch.GetTimestamp();
            Thread.Sleep(s_look);
            long now = _progress();
            if (now != seen)
                (seen, stalled) = (now, 0);
            else if (!WorkersWantToRun())
                stalled += Stopwatch.GetElapsedTime(before).TotalMilliseconds;
            Longest = Math.Max(Longest, stalled);
        }
    }

    private static bool WorkersWantToRun()
    {
        if (!OperatingSystem.IsLinux())
            return false;
        foreach (string task in Directory.GetDirectories("/proc/self/task"))
        {
            try
            {
                // "id (name) state ...", and the name may hold anything.
                string stat = File.ReadAllText(Path.Combine(task, "stat"));
                if (stat.Contains(".NET TP Worker", StringComparison.Ordinal) && stat[(stat.LastIndexOf(')') + 2)..].StartsWith('R'))
                    return true;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // That thread has just ended.
            }
        }

        return false;
    }
}
