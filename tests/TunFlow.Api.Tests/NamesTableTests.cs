using System.Text.RegularExpressions;
using TunFlow.Api.Tests.Support;

namespace TunFlow.Api.Tests;

/// <summary>The table of ARCHITECTURE.md that leads from the names of the Go original to those here.</summary>
[TestFixture]
public sealed partial class NamesTableTests
{
    private static string[][] Rows { get; } =
    [
        .. Repository.Read("ARCHITECTURE.md").Split("## Names")[1].Split('\n')
            .Where(static line => line.StartsWith("| ", StringComparison.Ordinal))
            .Skip(1) // its head
            .Select(static line => line.Trim('|').Split('|').Select(static cell => cell.Trim()).ToArray()),
    ];

    [Test]
    public void Every_name_on_this_side_exists()
    {
        HashSet<string> known = [.. ProductAssemblies.All.SelectMany(static assembly => assembly.GetExportedTypes()).SelectMany(NamesOf)];
        string[] named = [.. Rows.SelectMany(static row => Quoted().Matches(row[1])).SelectMany(static match => Identifiers().Matches(match.Value)).Select(static match => match.Value).Distinct()];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(named, Has.Length.GreaterThan(80), "the table was not found");
            Assert.That(named.Where(name => !known.Contains(name)), Is.Empty);
        }
    }

    [Test]
    public void Every_row_has_three_cells_and_says_what_differs()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Rows.Where(static row => row.Length != 3), Is.Empty);
            Assert.That(Rows.Where(static row => row[2].Length == 0 && !row[0].StartsWith("**", StringComparison.Ordinal)).Select(static row => row[0]), Is.Empty);
        }
    }

    private static IEnumerable<string> NamesOf(Type type) =>
        type.Namespace!.Split('.').Append(type.Name).Concat(PublicMembers.Of(type).Select(static member => member.Name));

    [GeneratedRegex("`[^`]+`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\b[A-Z]\w+")]
    private static partial Regex Identifiers();
}
