namespace TunFlow.Lwip.Tests.Fakes;

internal static class Eventually
{
    /// <summary>Waits in real time until something holds, and fails if it doesn't in time.</summary>
    public static async Task HoldsAsync(Func<bool> condition, string what, int milliseconds = 10_000)
    {
        long start = Environment.TickCount64;
        while (!condition())
        {
            if (Environment.TickCount64 - start > milliseconds)
                Assert.Fail($"Never happened: {what}.");
            await Task.Delay(2);
        }
    }
}
