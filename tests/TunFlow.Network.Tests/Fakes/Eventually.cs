using System.Diagnostics;

namespace TunFlow.Network.Tests;

internal static class Eventually
{
    /// <summary>Waits for something that another thread is about to do.</summary>
    public static async Task IsAsync(Func<bool> condition, string what)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(10))
            {
                Assert.Fail($"Not within 10 s: {what}");
            }

            await Task.Delay(2);
        }
    }
}
