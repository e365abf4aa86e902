// The native side, through CMake's presets (CMakePresets.json).
#nullable enable
public static class Native
{
    public static void FetchLwip() => Shell.Run("cmake", "-P", "native/cmake/FetchLwip.cmake");

    // No targets: everything.
    public static void Build(string preset, params string[] targets)
    {
        Shell.Run("cmake", "--preset", preset, "--log-level=NOTICE");
        string[] build = ["--build", Paths.CMake(preset)];
        Shell.Run("cmake", targets.Length == 0 ? build : [.. build, "--target", .. targets]);
    }

    // A pattern of test names; null for all.
    public static void Test(string preset, Tally tally, string? only = null)
    {
        Console.WriteLine($"\n=== native tests, {preset} build");
        var report = System.IO.Path.Combine(Paths.TestResults, $"native-{preset}.xml");
        // Hundreds of tests that pass are not worth a line each; the tally shows the output of those that fail.
        string[] command = ["--test-dir", Paths.CMake(preset), "--quiet",
            "--output-on-failure", "--output-log", System.IO.Path.ChangeExtension(report, ".log"), "--output-junit", report,
            "--parallel", Environment.ProcessorCount.ToString(), "--timeout", "150", "--no-tests=error"];
        var code = Shell.Try("ctest", only is null ? command : [.. command, "--tests-regex", only]);
        tally.AddJUnit($"native ({preset})", report, code);
    }
}

// The scripts of native/fuzz, which anybody can call for longer.
public static class Fuzzing
{
    private const string Seconds = "30";
    private const string LeastCoverage = "85";

    public static void Test(Tally tally)
    {
        if (tally.Step("fuzz targets build", () => Native.Build("fuzz")))
        {
            Native.Test("fuzz", tally);
            tally.Step($"{Seconds} s of fuzzing without a finding", Run);
        }

        tally.Step($"the corpus reaches {LeastCoverage} % of the lines of lwIP's TCP, IP and reassembly and of the shim that can be reached",
            () => Shell.Run("sh", "native/fuzz/coverage.sh", LeastCoverage));
    }

    // libFuzzer's log of new inputs is long; what it found, if anything, is at its end.
    private static void Run()
    {
        var (code, output) = Shell.Capture("sh", quiet: true, "native/fuzz/run.sh", Seconds);
        var log = System.IO.Path.Combine(Paths.TestResults, "fuzzing.log");
        System.IO.File.WriteAllText(log, output);
        foreach (var line in output.Split('\n').TakeLast(code == 0 ? 6 : 80))
            Console.WriteLine(line);
        if (code != 0)
            throw new CommandException($"exit code {code}: native/fuzz/run.sh, see {log}");
    }
}
