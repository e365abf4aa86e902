using System.Globalization;
using System.Text.RegularExpressions;

namespace TunFlow.Api.Tests.Acceptance;

/// <summary>Finds the comments in C: each is a line of its own, directly over its TEST, or over the entry of a fuzz target.</summary>
internal sealed partial class CTags(string file, List<TaggedTest> tests, List<string> stray)
{
    internal void Read(string text)
    {
        List<(PromiseKind Kind, int Number, int Line)> pending = [];
        int line = 0;
        foreach (string content in text.Split('\n'))
        {
            line++;
            if (Tag().Match(content) is { Success: true } tag)
            {
                PromiseKind kind = tag.Groups["weakness"].Success ? PromiseKind.Weakness : PromiseKind.Row;
                pending.Add((kind, int.Parse(tag.Groups["number"].ValueSpan, CultureInfo.InvariantCulture), line));
            }
            else if (pending.Count > 0)
            {
                Match test = Test().Match(content);
                if (test.Success)
                    tests.AddRange(pending.Select(one => new TaggedTest(one.Kind, one.Number, file, Path.GetFileName(file), test.Groups["name"].Value, RunsAlways: true)));
                else
                    stray.AddRange(pending.Select(one => string.Create(CultureInfo.InvariantCulture, $"{file}:{one.Line}")));
                pending.Clear();
            }
            else if (LooseTag().IsMatch(content))
            {
                // Not in the form that counts: better told than lost.
                stray.Add(string.Create(CultureInfo.InvariantCulture, $"{file}:{line}"));
            }
        }

        stray.AddRange(pending.Select(one => string.Create(CultureInfo.InvariantCulture, $"{file}:{one.Line}")));
    }

    [GeneratedRegex(@"^/\* (?:(?<weakness>Weakness W)|Acceptance row )(?<number>\d+) \*/\s*$")]
    private static partial Regex Tag();

    [GeneratedRegex(@"weakness w\d|acceptance row \d", RegexOptions.IgnoreCase)]
    private static partial Regex LooseTag();

    [GeneratedRegex(@"^(?:TEST\((?<name>\w+)\)|int (?<name>LLVMFuzzerTestOneInput)\()")]
    private static partial Regex Test();
}
