using System.Globalization;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Steady;

/// <summary>What a process without a test runner allocates while packets pass; called by <see cref="Program"/>.</summary>
internal static class SteadyRun
{
    public const string Command = "steady";
    public const double MostBytesPerPacket = 0.01;

    private const int Attempts = 4;

    /// <summary>Writes a line for each attempt, and the least number of bytes last.</summary>
    public static async Task RunAsync(ReadOnlyMemory<string> arguments)
    {
        SteadyPath path = Enum.Parse<SteadyPath>(arguments.Span[0]);
        int packets = int.Parse(arguments.Span[1], CultureInfo.InvariantCulture);
        ISteadyTraffic traffic = OperatingSystem.IsLinux() && path >= SteadyPath.TunnelStreamUp ? SteadyTunnel.Open(path) : await SteadyStack.OpenAsync(path);
        await using (traffic)
        {
            // On a thread of its own: the pool makes up for one of its threads that is kept busy, and a new thread allocates.
            await Task.Factory.StartNew(() => Measure(traffic, packets), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
    }

    /// <summary>What a packet allocates is in every attempt; what the runtime does once is not. The first attempt that is good is enough.</summary>
    private static void Measure(ISteadyTraffic traffic, int packets)
    {
        traffic.Pass(Math.Max(packets / 4, 100_000));
        long least = long.MaxValue;
        for (int attempt = 0; attempt < Attempts && least >= packets * MostBytesPerPacket; attempt++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            traffic.Pass(packets);
            long bytes = GC.GetTotalAllocatedBytes(precise: true) - before;
            least = Math.Min(least, bytes);
            Console.WriteLine($"attempt {attempt}: {bytes} bytes, {ThreadPool.ThreadCount} threads in the pool");
        }

        Console.WriteLine(least);
    }
}
