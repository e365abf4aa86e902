#nullable enable
using System.Xml.Linq;

// Sums what every runner reports into the one line that ends `./build.sh test`.
public sealed class Tally
{
    private readonly string _directory;
    private readonly List<string> _failures = [];
    private readonly List<string> _skips = [];
    private readonly List<string> _sections = [];

    public Tally(string directory)
    {
        _directory = Paths.Empty(directory);
    }

    public int Passed { get; private set; }

    public int Failed => _failures.Count;

    // One step that either works or is one failed test.
    public bool Step(string name, Action action)
    {
        Console.WriteLine($"\n=== {name}");
        var watch = Stopwatch.StartNew();
        try
        {
            action();
            Pass(name);
            return true;
        }
        catch (Exception e)
        {
            Fail(name, e.Message);
            return false;
        }
        finally
        {
            Console.WriteLine($"=== {name}: {watch.Elapsed.TotalSeconds:F0} s");
        }
    }

    public void Pass(string name) => Passed++;

    // All that a test says of its failure: an assertion's first line is often only its title.
    public void Fail(string name, string reason) => _failures.Add($"{name}: {Indented(reason)}");

    public void Skip(string name, string reason) => _skips.Add($"{name}: {FirstLine(reason)}");

    // ctest --output-junit. A run that left no file, or failed without naming a test, is a failure of its own.
    public void AddJUnit(string section, string file, int exitCode)
    {
        var failedBefore = Failed;
        var before = (Passed, Skipped: _skips.Count);
        if (System.IO.File.Exists(file))
        {
            foreach (var test in XDocument.Load(file).Descendants("testcase"))
                AddTestCase(section, test);
        }

        Close(section, failedBefore, before, exitCode);
    }

    // The loggers' trx format of `dotnet test`.
    public void AddTrx(string section, string file, int exitCode)
    {
        var failedBefore = Failed;
        var before = (Passed, Skipped: _skips.Count);
        if (System.IO.File.Exists(file))
        {
            foreach (var result in XDocument.Load(file).Descendants().Where(e => e.Name.LocalName == "UnitTestResult"))
                AddUnitTestResult(section, result);
        }

        Close(section, failedBefore, before, exitCode);
    }

    public void Write()
    {
        Console.WriteLine("\n=== Results");
        foreach (var section in _sections)
            Console.WriteLine($"  {section}");
        foreach (var group in _skips.GroupBy(Reason).OrderBy(g => g.Key, StringComparer.Ordinal))
            Console.WriteLine($"SKIPPED {group.Count()}: {group.Key}\n          ({string.Join(", ", group.Select(Name).Take(5))}{(group.Count() > 5 ? ", ..." : "")})");
        foreach (var failure in _failures)
            Console.WriteLine($"FAILED  {failure}");

        var line = $"{Passed} passed, {Failed} failed" + (_skips.Count > 0 ? $", {_skips.Count} skipped" : "");
        System.IO.File.WriteAllText(System.IO.Path.Combine(_directory, "summary.txt"), line + "\n");
    }

    private void AddTestCase(string section, XElement test)
    {
        var name = $"{section}: {(string?)test.Attribute("name")}";
        switch ((string?)test.Attribute("status"))
        {
            case "run":
                Pass(name);
                break;
            case "notrun" or "disabled":
                Skip(name, LastLine((string?)test.Element("system-out")) ?? "not run");
                break;
            default:
                Console.WriteLine($"--- {name}\n{(string?)test.Element("system-out")}");
                Fail(name, LastLine((string?)test.Element("system-out")) ?? (string?)test.Element("failure")?.Attribute("message") ?? "failed");
                break;
        }
    }

    private void AddUnitTestResult(string section, XElement result)
    {
        var name = $"{section}: {(string?)result.Attribute("testName")}";
        var message = result.Descendants().FirstOrDefault(e => e.Name.LocalName == "Message")?.Value
            ?? result.Descendants().FirstOrDefault(e => e.Name.LocalName == "StdOut")?.Value;
        switch ((string?)result.Attribute("outcome"))
        {
            case "Passed" or "Warning":
                Pass(name);
                break;
            case "NotExecuted" or "Inconclusive":
                Skip(name, message ?? "no reason given");
                break;
            default:
                Fail(name, message ?? "failed");
                break;
        }
    }

    private void Close(string section, int failedBefore, (int Passed, int Skipped) before, int exitCode)
    {
        var passed = Passed - before.Passed;
        var skipped = _skips.Count - before.Skipped;
        if (exitCode != 0 && Failed == failedBefore)
            Fail(section, $"the test run ended with exit code {exitCode} (crash, hang or no result file)");
        else if (passed + skipped + Failed - failedBefore == 0)
            Fail(section, "no test was found");
        _sections.Add($"{section}: {passed} passed, {Failed - failedBefore} failed, {skipped} skipped");
    }

    private static string Reason(string skip) => skip[(skip.IndexOf(": ", skip.IndexOf(": ", StringComparison.Ordinal) + 2, StringComparison.Ordinal) + 2)..];

    private static string Name(string skip) => skip[..^(Reason(skip).Length + 2)];

    private static string FirstLine(string text) => text.Trim().Split('\n')[0].Trim();

    private static string Indented(string text)
    {
        var lines = text.Trim().Split('\n').Select(l => l.TrimEnd()).Where(l => l.Length > 0).ToArray();
        return string.Join("\n          ", lines.Length > 20 ? [.. lines[..20], $"({lines.Length - 20} more lines)"] : lines);
    }

    private static string? LastLine(string? text) =>
        text?.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();
}
