using TunFlow.Lwip.Tests.Acceptance.Data.Steady;
using TunFlow.Lwip.Tests.Acceptance.Lifetimes;

namespace TunFlow.Lwip.Tests;

/// <summary>What has to run without a test runner around it: a device's life, for runtimes that are slow on purpose (DOTNET_GCStress), and the counting of what packets allocate.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        if (args is [SteadyRun.Command, .. string[] rest])
        {
            await SteadyRun.RunAsync(rest);
            return 0;
        }

        await UnloadingTests.LiveAsync();
        Console.WriteLine("A device lived and ended.");
        return 0;
    }
}
