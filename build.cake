// The build, one target per step; ./build.sh installs what a target needs and calls it.
#load "eng/cake/paths.cake"
#load "eng/cake/processes.cake"
#load "eng/cake/results.cake"
#load "eng/cake/native.cake"
#load "eng/cake/managed.cake"
#load "eng/cake/packaging.cake"
#load "eng/cake/campaign.cake"
#load "eng/cake/bench.cake"
#nullable enable

var target = Argument("target", "Build");
var configuration = Argument("configuration", "Release");
var versionSuffix = Argument("version-suffix", "");
// Of Bindings and Api: compare with what is committed instead of writing it.
var check = HasArgument("check");
// For the scripts of Demo, Bench and Campaign.
var options = Argument("options", "").Split(' ', StringSplitOptions.RemoveEmptyEntries);

Task("Lwip")
    .Description("Fetches the sources of lwIP and checks them.")
    .Does(() => Native.FetchLwip());

Task("Bindings")
    .Description("Generates the C# bindings and the C layout table from the header; --check only compares.")
    .Does(() => Managed.GenerateBindings(check));

Task("Api")
    .Description("Writes the public surface of the packages to docs/api; --check only compares.")
    .Does(() => Managed.GenerateApi(configuration, check));

Task("Native")
    .Description("Builds libtunflow_lwip.so, tunflow-launch, and the tools of tests and benchmarks.")
    .IsDependentOn("Lwip")
    .Does(() => Native.Build("release", "tunflow_lwip", "tunflow-launch", "tunflow-load", "tunflow-copy", "tunflow-shim-bench"));

// The layout table that Bindings writes is compiled into the library, so a changed header has to pass there first.
Task("Build")
    .Description("Builds everything that is shipped, and the tests.")
    .IsDependentOn("Bindings")
    .IsDependentOn("Native")
    .Does(() => Managed.Build(configuration));

// What Demo and Bench run: without the tests and their packages.
Task("Tool")
    .Description("Builds the command-line tool.")
    .IsDependentOn("Bindings")
    .IsDependentOn("Native")
    .Does(() => Managed.Build(configuration, "src/TunFlow.Cli"));

Task("Test")
    .Description("Builds and tests everything.")
    .Does(() => RunAllTests());

Task("Demo")
    .Description("Real programs through a TUN, lwIP and a dialer, without internet.")
    .IsDependentOn("Tool")
    .Does(() => Shell.Run("sh", ["demo/run.sh", .. options]));

Task("Pack")
    .Description("Packs to build/packages.")
    .IsDependentOn("Build")
    .Does(() => Packaging.Pack(Paths.Packages, configuration, Packaging.Version(versionSuffix)));

Task("Bench")
    .Description("Measures speed, cost and latency beside slirp4netns, pasta and a plain copy; with the option micro, what the pieces cost.")
    .IsDependentOn("Tool")
    .Does(() =>
    {
        if (options is ["micro", ..])
            Managed.Build(configuration, "bench/TunFlow.Benchmarks");
        else
            Bench.Prepare(configuration);
        Shell.Run("sh", ["bench/run.sh", .. options]);
    });

Task("Campaign")
    .Description("The long forms of the tests; stopped and started again it goes on where it was.")
    .Does(() => Campaign.Run(options, configuration));

Task("Clean")
    .Description("Removes what was built; fetched sources stay.")
    .Does(() => Paths.Clean());

RunTarget(target);

// Every step is attempted even when an earlier one failed, as far as it can be: one run shows everything that is wrong.
void RunAllTests()
{
    var tally = new Tally(Paths.TestResults);
    try
    {
        tally.Step("lwIP sources", () => Native.FetchLwip());
        tally.Step("generated bindings are up to date", () => Managed.GenerateBindings(check: true));

        var native = tally.Step("native build", () => Native.Build("release"));
        var managed = tally.Step("managed build, without warnings", () => Managed.Build(configuration));
        if (native)
            Native.Test("release", tally);
        if (managed)
        {
            Managed.Test(configuration, tally);
            Managed.TestLifetimes(configuration, tally);
        }

        if (native && managed)
        {
            Packaging.Test(configuration, tally);
            Bench.Test(tally);
        }

        if (tally.Step("native build, AddressSanitizer and UndefinedBehaviorSanitizer", () => Native.Build("sanitize")))
        {
            Native.Test("sanitize", tally);
            if (managed)
                Managed.TestLifetimesSanitized(configuration, tally);
        }

        if (tally.Step("native build, ThreadSanitizer", () => Native.Build("thread", "tunflow_abi_tests")))
            Native.Test("thread", tally, @"native\.first\.(threads_|overlapping_calls|free_functions)");
        Fuzzing.Test(tally);
    }
    finally
    {
        tally.Write();
    }

    if (tally.Failed > 0)
        throw new CakeException($"{tally.Failed} tests failed.");
}
