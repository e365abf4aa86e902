using System.Reflection;
using System.Text;
using System.Xml.Linq;
using PublicApiGenerator;
using TunFlow.Api.Tests.Support;

namespace TunFlow.Api.Tests;

/// <summary>The public surface of each package is the one in <c>docs/api</c>, so that a change of it shows in the diff of the change.</summary>
[TestFixture]
public sealed class BaselineTests
{
    // `./build.sh api` sets it: the files are then written instead of compared.
    private const string Update = "TUNFLOW_UPDATE_API";

    private static readonly ApiGeneratorOptions s_options = new() { IncludeAssemblyAttributes = false };

    [TestCaseSource(typeof(ProductAssemblies), nameof(ProductAssemblies.Cases))]
    public void Public_surface_is_the_committed_one(Assembly assembly)
    {
        string file = PathOf(assembly);
        string now = assembly.GeneratePublicApi(s_options).ReplaceLineEndings("\n").TrimEnd() + "\n";
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            File.WriteAllText(file, now, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            TestContext.Out.WriteLine($"wrote {file}");
        }

        string committed = File.Exists(file) ? File.ReadAllText(file) : string.Empty;
        string difference = LineDifference.Describe(committed, now);

        Assert.That(difference, Is.Empty,
            $"""
            The public surface of {assembly.GetName().Name} is not the one in {Path.GetRelativePath(Repository.Root, file)} (-: there, +: built).
            If that is what you want, run `./build.sh api` and commit the result.

            {difference}
            """);
    }

    [Test]
    public void Every_package_with_a_surface_has_a_baseline_and_nothing_else_has()
    {
        string[] packages =
        [
            .. Directory.GetFiles(Repository.PathTo("src"), "*.csproj", SearchOption.AllDirectories)
                .Where(static project => Property(project, "IsPackable") == "true" && Property(project, "OutputType") != "Exe")
                .Select(static project => Path.GetFileNameWithoutExtension(project))
                .Order(StringComparer.Ordinal),
        ];
        string[] baselines =
        [
            .. Directory.GetFiles(Repository.PathTo("docs", "api"))
                .Select(static file => Path.GetFileNameWithoutExtension(file))
                .Order(StringComparer.Ordinal),
        ];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ProductAssemblies.All.Select(static assembly => assembly.GetName().Name), Is.EquivalentTo(packages));
            Assert.That(baselines, Is.EqualTo(packages));
        }
    }

    private static string PathOf(Assembly assembly) => Repository.PathTo("docs", "api", assembly.GetName().Name + ".txt");

    private static string? Property(string project, string name) =>
        XDocument.Load(project).Descendants(name).LastOrDefault()?.Value;
}
