using TunFlow.Interop.Tests.Support;

namespace TunFlow.Interop.Tests.Generator;

/// <summary>
/// The generator on CppSharp's parser writes the same files. Its package is not on every feed, so this is tried within a bound
/// and otherwise reported as skipped with the feed's own words.
/// </summary>
[TestFixture]
internal sealed class CppSharpComparisonTests
{
    private static readonly TimeSpan RestoreLimit = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan BuildLimit = TimeSpan.FromSeconds(180);

    [Test]
    public void The_parser_of_CppSharp_leads_to_the_same_files()
    {
        using var directory = new TemporaryDirectory();
        var project = Path.Combine(Repository.Root, "interop", "BindingGenerator.CppSharp", "BindingGenerator.CppSharp.csproj");
        var artifacts = $"-p:ArtifactsPath={directory["artifacts"]}";
        Restore(project, artifacts);

        var build = ProcessRunner.Run(BuildLimit, null, "dotnet", "build", project, "--no-restore", "-nologo", "-v", "q", "-nodeReuse:false", "-p:UseSharedCompilation=false", artifacts);
        Assert.That(build.ExitCode, Is.Zero, build.Output);
        var program = Directory.EnumerateFiles(
            directory["artifacts/bin"], "TunFlow.BindingGenerator.CppSharp.dll", SearchOption.AllDirectories).First();
        var run = ProcessRunner.Run(
            BuildLimit, null, "dotnet", program, Repository.Header, directory["out"], "--layout", directory["layout/tf_layout.g.h"]);

        Assert.That(run.ExitCode, Is.Zero, run.Output);
        foreach (var committed in Directory.EnumerateFiles(Repository.Bindings, "*.g.cs"))
            Assert.That(File.ReadAllText(directory[Path.Combine("out", Path.GetFileName(committed))]), Is.EqualTo(File.ReadAllText(committed)), committed);
        Assert.That(File.ReadAllText(directory["layout/tf_layout.g.h"]), Is.EqualTo(File.ReadAllText(Repository.LayoutTable)));
    }

    private static void Restore(string project, string artifacts)
    {
        try
        {
            var restore = ProcessRunner.Run(RestoreLimit, null, "dotnet", "restore", project, "-nologo", "-nodeReuse:false", artifacts);
            if (restore.ExitCode == 0)
                return;
            // NU1101 and its relatives are about the feed; anything else is a broken project and must not pass as a missing package.
            var reason = restore.Output.Split('\n').FirstOrDefault(line => line.Contains("error NU1", StringComparison.Ordinal) || line.Contains("error NU3", StringComparison.Ordinal));
            if (reason is null)
                Assert.Fail(restore.Output);
            else
                Assert.Ignore($"the CppSharp package does not restore here: {reason[reason.IndexOf("NU", StringComparison.Ordinal)..].Trim()}");
        }
        catch (TimeoutException)
        {
            Assert.Ignore($"the CppSharp package did not restore within {RestoreLimit.TotalSeconds:0} s");
        }
    }
}
