using System.Text.RegularExpressions;
using TunFlow.Api.Tests.Support;

namespace TunFlow.Api.Tests;

/// <summary>What the texts of the repository say about each other and about the code.</summary>
[TestFixture]
public sealed partial class RepositoryTextTests
{
    private static readonly string[] s_texts = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/performance.md", "docs/robustness.md", "samples/README.md"];

    [TestCaseSource(nameof(s_texts))]
    public void Links_lead_to_files_that_exist(string text)
    {
        string directory = Path.GetDirectoryName(Repository.PathTo(text))!;
        string[] targets =
        [
            .. Links().Matches(Repository.Read(text))
                .Select(static match => match.Groups["target"].Value.Split('#')[0])
                .Where(static target => target.Length > 0 && !target.Contains("://", StringComparison.Ordinal)),
        ];

        Assert.That(targets.Where(target => !Path.Exists(Path.Combine(directory, target))), Is.Empty);
    }

    [Test]
    public void Quick_start_of_the_readme_is_the_sample()
    {
        string[] lines = CodeBlock("quickstart").Split('\n');
        // Its own: the guard in one line, a network for the example, and a request in place of waiting.
        string[] shared = [.. lines.Where(static line => !line.StartsWith("if (", StringComparison.Ordinal) && !line.Contains("203.0.113.0", StringComparison.Ordinal) && !line.StartsWith("Console.", StringComparison.Ordinal))];
        string[] sample = [.. Repository.Read("samples", "DirectTunnel", "Program.cs").Split('\n').Where(shared.Contains)];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(shared, Has.Length.EqualTo(lines.Length - 3));
            Assert.That(sample, Is.EqualTo(shared));
        }
    }

    [Test]
    public void Code_of_the_readme_is_what_is_compiled_here()
    {
        string readme = Repository.Read("README.md");
        string[] snippets = [.. SnippetMarkers().Matches(readme).Select(static match => match.Groups["name"].Value)];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(snippets, Is.Not.Empty);
            Assert.That(CodeBlocks().Count(readme), Is.EqualTo(snippets.Length + 1), "every block but the quick start has a marker");
            foreach (string name in snippets)
                Assert.That(CodeBlock($"snippet: {name}"), Is.EqualTo(Snippet(Repository.Read("tests", "TunFlow.Api.Tests", "Snippets", name + ".cs"))));
        }
    }

    [Test]
    public void Table_of_build_targets_names_the_commands_of_the_script()
    {
        string[] commands = [.. Commands().Matches(Repository.Read("build.sh")).Select(static match => match.Groups["command"].Value)];
        string[] table = [.. TableRows().Matches(Repository.Read("README.md")).Select(static match => match.Groups["command"].Value)];
        string[] usage = [.. Usage().Matches(Repository.Read("build.sh")).Select(static match => match.Groups["command"].Value)];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(commands, Has.Length.GreaterThan(5));
            Assert.That(table, Is.EquivalentTo(commands));
            Assert.That(usage, Is.EquivalentTo(commands));
        }
    }

    [Test]
    public void Tests_with_a_long_form_are_in_a_category_that_the_campaign_runs()
    {
        string[] asking = [.. Directory.GetFiles(Repository.PathTo("tests"), "*.cs", SearchOption.AllDirectories)
            .Where(static file => LongForms().IsMatch(File.ReadAllText(file)) && TestMethods().IsMatch(File.ReadAllText(file)))];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(asking, Has.Length.GreaterThan(2));
            Assert.That(asking.Where(static file => !CampaignCategories().IsMatch(File.ReadAllText(file))), Is.Empty);
        }
    }

    [Test]
    public void Every_sample_is_built_tested_and_described()
    {
        string[] samples = [.. Directory.GetDirectories(Repository.PathTo("samples")).Select(static directory => Path.GetFileName(directory))];
        string solution = Repository.Read("Network.sln");
        string readme = Repository.Read("samples", "README.md");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(samples, Is.Not.Empty);
            foreach (string sample in samples)
            {
                Assert.That(solution.Contains($@"samples\{sample}\{sample}.csproj", StringComparison.Ordinal), $"{sample} is not in Network.sln");
                Assert.That(readme.Contains($"({sample}/Program.cs)", StringComparison.Ordinal), $"{sample} is not in samples/README.md");
                Assert.That(Repository.PathTo("tests", "TunFlow.EndToEnd.Tests", "Samples", sample + "Tests.cs"), Does.Exist);
            }
        }
    }

    /// <summary>The C# that follows a marker in the README.</summary>
    private static string CodeBlock(string marker)
    {
        Match match = Regex.Match(Repository.Read("README.md"), $@"<!-- {marker} -->\s*```csharp\n(?<code>.*?)\n```", RegexOptions.Singleline);
        Assert.That(match.Success, $"README.md has no ```csharp block after <!-- {marker} -->");
        return match.Groups["code"].Value;
    }

    /// <summary>The marked lines of a source file, without the indentation that they have in it.</summary>
    private static string Snippet(string source)
    {
        string[] lines = source.Split('\n');
        int start = Array.FindIndex(lines, static line => line.Trim() == "// <snippet>");
        int end = Array.FindIndex(lines, static line => line.Trim() == "// </snippet>");
        int indentation = lines[start].IndexOf('/', StringComparison.Ordinal);
        return string.Join('\n', lines[(start + 1)..end].Select(line => line.Length == 0 ? line : line[indentation..]));
    }

    [GeneratedRegex(@"<!-- snippet: (?<name>\w+) -->")]
    private static partial Regex SnippetMarkers();

    [GeneratedRegex(@"^```csharp$", RegexOptions.Multiline)]
    private static partial Regex CodeBlocks();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Links();

    [GeneratedRegex(@"^    (?<command>[a-z]+)\) target=", RegexOptions.Multiline)]
    private static partial Regex Commands();

    [GeneratedRegex(@"^\| `\./build\.sh (?<command>[a-z]+)` \|", RegexOptions.Multiline)]
    private static partial Regex TableRows();

    [GeneratedRegex(@"\bCampaign\.(Rounds|IsOn)\b|""TUNFLOW_[C]AMPAIGN""")]
    private static partial Regex LongForms();

    [GeneratedRegex(@"^ +\[(Test|TestCase|TestCaseSource)\b", RegexOptions.Multiline)]
    private static partial Regex TestMethods();

    [GeneratedRegex(@"\[Category\(""(Lifetime|Campaign)""\)\]|\[AcceptanceRow\(29\)\]")]
    private static partial Regex CampaignCategories();

    [GeneratedRegex(@"^  (?<command>[a-z]+) {3,}\S", RegexOptions.Multiline)]
    private static partial Regex Usage();
}
