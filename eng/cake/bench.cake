#nullable enable

// What bench/ needs beyond Native and Tool, and its short form, which is a test.
public static class Bench
{
    // The tool as its users have it, and the variants that it is compared with.
    public static void Prepare(string configuration)
    {
        Shell.Run("dotnet", "publish", "src/TunFlow.Cli", "-c", configuration, "-o", Paths.Empty(System.IO.Path.Combine(Paths.Build, "bench", "tool")), "-v", "quiet", "-nologo");
        Managed.Build(configuration, "bench/Variants");
    }

    // tunflow beside a plain copy between two TUNs: fails on what is grossly worse, by ratios.
    public static void Test(Tally tally)
    {
        Console.WriteLine("\n=== bench, short form");
        var report = System.IO.Path.Combine(Paths.TestResults, "bench.xml");
        tally.AddJUnit("bench", report, Shell.Try("sh", "bench/run.sh", "--short", report));
    }
}
