// The managed side.
#nullable enable
public static class Managed
{
    public static void GenerateBindings(bool check)
    {
        string[] command = ["run", "--project", "interop/BindingGenerator", "-c", "Release", "--", Paths.Header, Paths.Bindings];
        Shell.Run("dotnet", check ? [.. command, "--check"] : command);
    }

    // The tests that compare docs/api with the surface, and docs/acceptance.md with the tags of the tests, write them when they are told to.
    public static void GenerateApi(string configuration, bool check)
    {
        string[] command = ["test", "tests/TunFlow.Api.Tests", "-c", configuration, "--nologo", "--filter", "FullyQualifiedName~BaselineTests|FullyQualifiedName~AcceptanceDocumentTests"];
        Shell.Run("dotnet", check ? command : [.. command, "--environment", "TUNFLOW_UPDATE_API=1"]);
    }

    public static void Build(string configuration, string? project = null) =>
        Shell.Run("dotnet", "build", project ?? Paths.Solution, "-c", configuration, "-v", "quiet", "-nologo");

    // One project after the other: several of them measure time or own network namespaces. The hang timeout is per
    // test; it ends the host and the run counts as failed.
    public static void Test(string configuration, Tally tally)
    {
        foreach (var project in System.IO.Directory.GetFiles(System.IO.Path.Combine(Paths.Root, "tests"), "*.Tests.csproj", SearchOption.AllDirectories).Order())
        {
            var name = System.IO.Path.GetFileNameWithoutExtension(project);
            // Without workers of its own NUnit runs what it is given, and has no queue to watch.
            string[] oneByOne = ["--", "NUnit.NumberOfTestWorkers=0"];
            if (!s_sideBySide.Contains(name))
            {
                Test(configuration, tally, name, name, oneByOne);
                continue;
            }

            Test(configuration, tally, name, $"{name}, side by side", "--filter", "TestCategory=SideBySide");
            Test(configuration, tally, name, name, ["--filter", "TestCategory!=SideBySide", .. oneByOne]);
        }
    }

    private static readonly string[] s_sideBySide = ["TunFlow.Network.Tests", "TunFlow.Proxies.Tests"];

    private static void Test(string configuration, Tally tally, string project, string name, params string[] choice)
    {
        Console.WriteLine($"\n=== {name}");
        var report = System.IO.Path.Combine(Paths.TestResults, $"{name.Replace(", ", "-").Replace(' ', '-')}.trx");
        var code = Shell.Try("dotnet", ["test", Paths.Binary(project, configuration, $"{project}.dll"),
            "--nologo", "--logger", $"trx;LogFileName={report}", "--logger", "console;verbosity=minimal",
            "--results-directory", Paths.TestResults, "--blame-hang-timeout", "4m", "--blame-hang-dump-type", "none", .. choice]);
        tally.AddTrx(name, report, code);
    }

    // Flows, sessions and devices that end at every moment, from many threads. Again under what makes their mistakes show.
    public static void TestLifetimes(string configuration, Tally tally)
    {
        Lifetimes(configuration, tally, "the Lifetime tests with a tiny gen0", "DOTNET_GCgen0size=0x10000");
        // The test runner itself would take hours. One processor: the finalizer thread collects for ever then, since what runs on it
        // (the shared array pool is trimmed after each collection) allocates, and on a processor of its own it leaves the others no time between two.
        // 3: at every allocation and every call out of managed code. F: also where the code of a method lets it; a released runtime does less of it.
        foreach (var stress in new[] { "3", "F" })
        {
            tally.Step($"a device's life with DOTNET_GCStress={stress}",
                () => Shell.RunTelling("env", $"DOTNET_GCStress={stress}", "taskset", "--cpu-list", FirstProcessor(), "dotnet", Paths.Binary("TunFlow.Lwip.Tests", configuration, "TunFlow.Lwip.Tests.dll")));
        }
    }

    // Those of a container need not begin with 0.
    private static string FirstProcessor()
    {
        var line = System.IO.File.ReadLines("/proc/self/status").First(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal));
        return line.Split(':')[1].Split(',', '-')[0].Trim();
    }

    // The runtime handles its own faults, and uses alternative stacks of its own; what the process leaves at its end is the runtime's.
    public static void TestLifetimesSanitized(string configuration, Tally tally)
    {
        var (_, runtime) = Shell.Capture("gcc", quiet: true, "-print-file-name=libasan.so");
        var log = System.IO.Path.Combine(Paths.Empty(System.IO.Path.Combine(Paths.TestResults, "sanitizer")), "report");
        Lifetimes(configuration, tally, "the Lifetime tests under AddressSanitizer",
            $"LD_PRELOAD={runtime.Trim()}",
            $"ASAN_OPTIONS=handle_segv=0:handle_sigfpe=0:use_sigaltstack=0:detect_leaks=0:log_path={log}",
            "UBSAN_OPTIONS=print_stacktrace=1",
            $"TUNFLOW_NATIVE_LIBRARY={Paths.SanitizedLibrary}");
        foreach (var report in System.IO.Directory.GetFiles(System.IO.Path.GetDirectoryName(log)!))
        {
            var text = System.IO.File.ReadAllText(report);
            Console.WriteLine(text);
            tally.Fail("AddressSanitizer", text);
        }
    }

    private static void Lifetimes(string configuration, Tally tally, string name, params string[] environment)
    {
        const string project = "TunFlow.Lwip.Tests";
        Console.WriteLine($"\n=== {name}");
        var report = System.IO.Path.Combine(Paths.TestResults, $"{name.Replace(' ', '-')}.trx");
        var code = Shell.Try("dotnet", ["test", Paths.Binary(project, configuration, $"{project}.dll"),
            "--nologo", "--logger", $"trx;LogFileName={report}", "--logger", "console;verbosity=minimal",
            "--results-directory", Paths.TestResults, "--blame-hang-timeout", "4m", "--blame-hang-dump-type", "none",
            "--filter", "Category=Lifetime", .. environment.SelectMany(variable => new[] { "--environment", variable })]);
        tally.AddTrx(name, report, code);
    }
}
