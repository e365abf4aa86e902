using TunFlow.Lwip.Tests.Acceptance.Lifetimes;

namespace TunFlow.Lwip.Tests;

/// <summary>A device's life without a test runner around it, for runtimes that are slow on purpose (DOTNET_GCStress).</summary>
internal static class Program
{
    public static async Task<int> Main()
    {
        await UnloadingTests.LiveAsync();
        Console.WriteLine("A device lived and ended.");
        return 0;
    }
}
