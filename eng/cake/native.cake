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

    public static void Test(string preset, Tally tally)
    {
        Console.WriteLine($"\n=== native tests, {preset} build");
        var report = System.IO.Path.Combine(Paths.TestResults, $"native-{preset}.xml");
        // Hundreds of tests that pass are not worth a line each; the tally shows the output of those that fail.
        var code = Shell.Try("ctest", "--test-dir", Paths.CMake(preset), "--quiet",
            "--output-on-failure", "--output-log", System.IO.Path.ChangeExtension(report, ".log"), "--output-junit", report,
            "--parallel", Environment.ProcessorCount.ToString(), "--timeout", "150", "--no-tests=error");
        tally.AddJUnit($"native ({preset})", report, code);
    }
}

// The fuzz targets: native/fuzz/fuzz_<name>.c, executable fuzz_<name>, seeds in native/fuzz/corpus/<name>.
public static class Fuzzing
{
    private const int Seconds = 30;
    private const double LeastCoverage = 60;
    private static readonly string[] MeasuredFiles = ["tcp_in.c", "tcp_out.c"];

    public static void Test(Tally tally)
    {
        if (tally.Step("fuzz targets build", () => Native.Build("fuzz")))
        {
            var targets = Targets("fuzz");
            if (targets.Length == 0)
                tally.Fail("fuzzing", "no fuzz target was built");
            foreach (var target in targets)
                tally.Step($"{Name(target)}: {Seconds / targets.Length} s without a finding", () => Run(target, Seconds / targets.Length));
        }

        if (tally.Step("fuzz targets build for coverage", () => Native.Build("coverage")))
            tally.Step($"the corpus reaches {LeastCoverage} % of {string.Join(" and ", MeasuredFiles)}", Cover);
    }

    private static string[] Targets(string preset)
    {
        var directory = System.IO.Path.Combine(Paths.CMake(preset), "native", "fuzz");
        return System.IO.Directory.Exists(directory)
            ? [.. System.IO.Directory.GetFiles(directory, "fuzz_*").Where(f => System.IO.Path.GetExtension(f).Length == 0).Order()]
            : [];
    }

    private static string Name(string target) => System.IO.Path.GetFileName(target);

    private static string Corpus(string target) =>
        System.IO.Path.Combine(Paths.Root, "native", "fuzz", "corpus", Name(target)["fuzz_".Length..]);

    // New inputs go to build/, never into the committed corpus; a finding is written there too, and named by libFuzzer.
    private static void Run(string target, int seconds)
    {
        var found = Paths.Empty(System.IO.Path.Combine(Paths.TestResults, Name(target)));
        Shell.Run(target, $"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
            "-verbosity=1", $"-artifact_prefix={found}/", found, Corpus(target));
    }

    private static void Cover()
    {
        var targets = Targets("coverage");
        if (targets.Length == 0)
            throw new CommandException("no fuzz target was built");
        var directory = Paths.Empty(System.IO.Path.Combine(Paths.TestResults, "coverage"));
        foreach (var target in targets)
        {
            Environment.SetEnvironmentVariable("LLVM_PROFILE_FILE", System.IO.Path.Combine(directory, Name(target) + ".profraw"));
            Shell.Run(target, "-runs=0", "-verbosity=0", Corpus(target));
        }

        var profile = System.IO.Path.Combine(directory, "merged.profdata");
        Shell.Run("llvm-profdata-14", ["merge", "-o", profile, .. System.IO.Directory.GetFiles(directory, "*.profraw")]);
        string[] objects = [targets[0], .. targets.Skip(1).SelectMany(t => new[] { "-object", t })];
        var (code, json) = Shell.Capture("llvm-cov-14", quiet: true,
            ["export", "-summary-only", $"-instr-profile={profile}", .. objects]);
        if (code != 0)
            throw new CommandException($"llvm-cov failed: {json}");

        var files = System.Text.Json.JsonDocument.Parse(json).RootElement.GetProperty("data")[0].GetProperty("files").EnumerateArray();
        var measured = files.Where(f => MeasuredFiles.Any(m => f.GetProperty("filename").GetString()!.EndsWith($"/core/{m}"))).ToDictionary(
            f => System.IO.Path.GetFileName(f.GetProperty("filename").GetString()!),
            f => f.GetProperty("summary").GetProperty("lines").GetProperty("percent").GetDouble());
        var low = new List<string>();
        foreach (var file in MeasuredFiles)
        {
            var percent = measured.GetValueOrDefault(file);
            Console.WriteLine($"corpus coverage of {file}: {percent:F1} % of lines");
            if (percent < LeastCoverage)
                low.Add($"{file} {percent:F1} %");
        }

        if (low.Count > 0)
            throw new CommandException($"below {LeastCoverage} %: {string.Join(", ", low)}");
    }
}
