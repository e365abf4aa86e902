using System.Globalization;
using System.Text;

namespace TunFlow.Api.Tests.Acceptance;

/// <summary>Writes docs/acceptance.md: what has to be shown, and the tests that show it.</summary>
internal static class AcceptanceDocument
{
    internal const string File = "docs/acceptance.md";

    private const string Head =
        """
        # What is shown by which test

        Written by `./build.sh api` from the tests' own tags, `[Weakness(7)]` and `[AcceptanceRow(9)]`, in C a comment over the test;
        a test fails where this file and the tags differ, or where something below has no test that runs with `./build.sh test`.
        The tests of one entry: `dotnet test --filter Category=W7`, or `Category=Row9`.
        """;

    private const string WeaknessHead =
        """
        ## Weaknesses of the Go original

        What the engine of the Outline SDK (Go over lwIP) does wrong, and what holds here.

        | | there | here | tests |
        |---|---|---|---|
        """;

    private const string RowHead =
        """
        ## Rows of the acceptance plan

        Faults and loads, and when the library counts as having stood them.

        | | fault or load | criterion | tests |
        |---|---|---|---|
        """;

    internal static string Write(IReadOnlyList<TaggedTest> tests)
    {
        StringBuilder text = new();
        text.Append(Head).Append("\n\n").Append(WeaknessHead).Append('\n');
        AppendTable(text, Weaknesses.All, PromiseKind.Weakness, tests);
        text.Append('\n').Append(RowHead).Append('\n');
        AppendTable(text, Rows.All, PromiseKind.Row, tests);
        return text.ToString().ReplaceLineEndings("\n");
    }

    private static void AppendTable(StringBuilder text, IReadOnlyList<Promise> promises, PromiseKind kind, IReadOnlyList<TaggedTest> tests)
    {
        foreach (Promise promise in promises)
        {
            TaggedTest[] own = [.. tests.Where(test => test.Kind == kind && test.Number == promise.Number)];
            if (own.Length == 0 && !promise.IsRequired)
                continue;
            string prefix = kind == PromiseKind.Weakness ? "W" : string.Empty;
            string answer = promise.Open is null ? promise.Answer : $"{promise.Answer} Open: {promise.Open}";
            text.Append(CultureInfo.InvariantCulture, $"| {prefix}{promise.Number} | {promise.Trouble} | {answer} | {Names(own)} |\n");
        }
    }

    /// <summary>Grouped by class, each a link to its file.</summary>
    private static string Names(TaggedTest[] tests) => tests.Length == 0 ? "none" : string.Join("<br>", tests
        .GroupBy(static test => (test.Container, test.File))
        .OrderBy(static group => group.Key.File, StringComparer.Ordinal)
        .Select(static group =>
        {
            string link = $"[{group.Key.Container}](../{group.Key.File})";
            string[] names = [.. group.Where(static test => test.Name is not null).Select(Name)];
            return names.Length == 0 ? link : $"{link}: {string.Join(", ", names)}";
        }));

    private static string Name(TaggedTest test) => test.RunsAlways ? $"`{test.Name}`" : $"`{test.Name}` (on request)";
}
