namespace TunFlow.BindingGenerator.Emitting;

/// <summary>Everything one run produces, and the leftovers of earlier runs in the same directory.</summary>
internal sealed class OutputSet(IReadOnlyList<GeneratedFile> files, string directory)
{
    private const int ShownLines = 8;

    private readonly IReadOnlyList<GeneratedFile> _files = files;
    private readonly string _directory = directory;

    /// <summary>Writes what differs and removes leftovers. Unchanged files keep their time, so that builds stay incremental.</summary>
    public int Write(TextWriter output)
    {
        foreach (var file in _files)
        {
            if (ReadOrNull(file.Path) == file.Content)
                continue;
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(file.Path))!);
            File.WriteAllText(file.Path, file.Content);
            output.WriteLine($"{Shown(file.Path)}: written");
        }

        foreach (var path in Leftovers())
        {
            File.Delete(path);
            output.WriteLine($"{Shown(path)}: removed");
        }

        return 0;
    }

    /// <summary>Compares with what is on disk and prints, per file, where it first differs. 1 if anything does.</summary>
    public int Check(TextWriter output)
    {
        var differs = 0;
        foreach (var file in _files)
        {
            var actual = ReadOrNull(file.Path);
            if (actual == file.Content)
                continue;
            differs++;
            if (actual is null)
                output.WriteLine($"{Shown(file.Path)}: missing");
            else
                Describe(output, Shown(file.Path), actual, file.Content);
        }

        foreach (var path in Leftovers())
        {
            differs++;
            output.WriteLine($"{Shown(path)}: not generated from this header any more");
        }

        if (differs == 0)
            return 0;
        output.WriteLine($"{differs} of {_files.Count} generated files differ from the header; run the generator without --check.");
        return 1;
    }

    private static void Describe(TextWriter output, string path, string actual, string expected)
    {
        var (have, want) = (actual.Split('\n'), expected.Split('\n'));
        var start = 0;
        while (start < have.Length && start < want.Length && have[start] == want[start])
            start++;
        var (haveEnd, wantEnd) = (have.Length, want.Length);
        while (haveEnd > start && wantEnd > start && have[haveEnd - 1] == want[wantEnd - 1])
            (haveEnd, wantEnd) = (haveEnd - 1, wantEnd - 1);

        output.WriteLine($"{path}:{start + 1}: {haveEnd - start} lines would become {wantEnd - start}");
        Show(output, '-', have[start..haveEnd]);
        Show(output, '+', want[start..wantEnd]);
    }

    private static void Show(TextWriter output, char mark, string[] lines)
    {
        foreach (var line in lines.Take(ShownLines))
            output.WriteLine($"  {mark} {line.TrimEnd('\r')}{(line.EndsWith('\r') ? " (CR)" : string.Empty)}");
        if (lines.Length > ShownLines)
            output.WriteLine($"  {mark} ... {lines.Length - ShownLines} more");
    }

    private IEnumerable<string> Leftovers()
    {
        if (!Directory.Exists(_directory))
            return [];
        var expected = _files.Select(f => Path.GetFullPath(f.Path)).ToHashSet(StringComparer.Ordinal);
        return Directory.EnumerateFiles(_directory, "*.g.cs")
            .Where(p => !expected.Contains(Path.GetFullPath(p)))
            .Order(StringComparer.Ordinal);
    }

    /// <summary>Relative where that is shorter to read, which it is not for a path that climbs out of the current directory.</summary>
    private static string Shown(string path)
    {
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? Path.GetFullPath(path) : relative;
    }

    private static string? ReadOrNull(string path) => File.Exists(path) ? File.ReadAllText(path) : null;
}
