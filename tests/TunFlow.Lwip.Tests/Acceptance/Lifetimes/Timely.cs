namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>Assertions on real time that hold on a busy machine: of several rounds the middle one counts.</summary>
internal static class Timely
{
    /// <summary>Runs rounds that each measure something.</summary>
    public static async Task WithinAsync(TimeSpan limit, string what, Func<Task<TimeSpan>> round, int rounds = 11)
    {
        TimeSpan[] times = new TimeSpan[rounds];
        for (int i = 0; i < rounds; i++)
            times[i] = await round();
        Array.Sort(times);
        TestContext.Out.WriteLine($"{what}: {times[rounds / 2].TotalMilliseconds:F1} ms in the middle, {times[^1].TotalMilliseconds:F1} at most");
        Assert.That(times[rounds / 2], Is.LessThan(limit), what);
    }
}
