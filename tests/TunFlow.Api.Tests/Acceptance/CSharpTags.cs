using System.Globalization;
using System.Text.RegularExpressions;

namespace TunFlow.Api.Tests.Acceptance;

/// <summary>Finds the attributes in C#, line by line: each stands on a line that begins with a bracket, over its class or method.</summary>
internal sealed partial class CSharpTags(string file, List<TaggedTest> tests, List<string> stray)
{
    private readonly List<(PromiseKind Kind, int Number, int Line)> _pending = [];
    private string _class = string.Empty;
    private bool _classRuns = true;
    private bool _isTest;
    private bool _runs = true;

    internal void Read(string text)
    {
        int number = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            string content = line.Trim();
            if (content.StartsWith('['))
            {
                NoteAttributes(content, number);
                // An attribute and its method may share a line.
                content = content[(content.LastIndexOf(']') + 1)..].Trim();
            }

            if (ClassHead().Match(content) is { Success: true } head)
                EnterClass(head.Groups["name"].Value);
            else if (MethodHead().Match(content) is { Success: true } method)
                Take(method.Groups["name"].Value);
        }

        Drop();
    }

    private void NoteAttributes(string content, int number)
    {
        foreach (Match tag in Tag().Matches(content))
        {
            PromiseKind kind = tag.Groups["kind"].Value == "Weakness" ? PromiseKind.Weakness : PromiseKind.Row;
            _pending.Add((kind, int.Parse(tag.Groups["number"].ValueSpan, CultureInfo.InvariantCulture), number));
        }

        _isTest |= TestMark().IsMatch(content);
        _runs &= !OnRequest().IsMatch(content);
    }

    private void EnterClass(string name)
    {
        _class = name;
        _classRuns = _runs;
        foreach ((PromiseKind kind, int number, _) in _pending)
            tests.Add(new TaggedTest(kind, number, file, _class, null, _runs));
        Forget();
    }

    private void Take(string name)
    {
        if (!_isTest)
        {
            Drop();
            return;
        }

        foreach ((PromiseKind kind, int number, _) in _pending)
            tests.Add(new TaggedTest(kind, number, file, _class, name, _runs && _classRuns));
        Forget();
    }

    private void Drop()
    {
        stray.AddRange(_pending.Select(tag => string.Create(CultureInfo.InvariantCulture, $"{file}:{tag.Line}")));
        Forget();
    }

    private void Forget()
    {
        _pending.Clear();
        _isTest = false;
        _runs = true;
    }

    [GeneratedRegex(@"\b(?<kind>Weakness|AcceptanceRow)\((?<number>\d+)\)")]
    private static partial Regex Tag();

    [GeneratedRegex(@"\b(?:Test|TestCase|TestCaseSource|Theory)\b")]
    private static partial Regex TestMark();

    [GeneratedRegex(@"[\[,]\s*(?:Explicit|Ignore)\b")]
    private static partial Regex OnRequest();

    [GeneratedRegex(@"^(?:(?:public|internal|private|protected|file|static|sealed|abstract|unsafe|partial)\s+)*(?:class|struct|record)\s+(?<name>\w+)")]
    private static partial Regex ClassHead();

    [GeneratedRegex(@"^(?:public|internal|private|protected)\s[^=;{(]*?(?<name>\w+)(?:<[^>]*>)?\(")]
    private static partial Regex MethodHead();
}
