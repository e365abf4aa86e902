using TunFlow.Api.Tests.Support;

namespace TunFlow.Api.Tests.Acceptance;

/// <summary>What the sources of the tests say that they show.</summary>
internal sealed class TagScan
{
    private readonly List<TaggedTest> _tests = [];
    private readonly List<string> _stray = [];

    internal IReadOnlyList<TaggedTest> Tests => _tests;

    /// <summary>Tags that stand over something that is no test: "file:line".</summary>
    internal IReadOnlyList<string> Stray => _stray;

    /// <summary>Reads every test of the repository, in C# and in C, sorted by file.</summary>
    internal static TagScan OfRepository()
    {
        TagScan scan = new();
        foreach (string file in Sources("tests", "*.cs"))
            scan.ReadCSharp(file, Repository.Read(file));
        foreach (string file in Sources("native/tests", "*.c").Concat(Sources("native/fuzz", "*.c")))
            scan.ReadC(file, Repository.Read(file));
        return scan;
    }

    internal void ReadCSharp(string file, string text) => new CSharpTags(file, _tests, _stray).Read(text);

    internal void ReadC(string file, string text) => new CTags(file, _tests, _stray).Read(text);

    private static IEnumerable<string> Sources(string folder, string pattern) =>
        Directory.EnumerateFiles(Repository.PathTo(folder), pattern, SearchOption.AllDirectories)
            .Select(static file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'))
            .Where(static file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
}
