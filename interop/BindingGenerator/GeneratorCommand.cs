using TunFlow.BindingGenerator.Emitting;
using TunFlow.BindingGenerator.Model;
using TunFlow.BindingGenerator.Parsing;

namespace TunFlow.BindingGenerator;

/// <summary>The command line, on any parser.</summary>
internal static class GeneratorCommand
{
    private const string Usage =
        """
        usage: BindingGenerator <header> <outdir> [--check] [--layout <file>]

          <header>         the C header to bind
          <outdir>         where the *.g.cs files go; other *.g.cs files there are removed
          --check          write nothing; exit with 1 if a file differs from what would be written
          --layout <file>  where the C layout table goes; default: ../src/tf_layout.g.h beside the header's directory
        """;

    /// <summary>Returns the exit code: 0, 1 (the header can not be bound, or --check found a difference) or 2 (usage).</summary>
    public static int Run(string[] arguments, Func<GeneratorOptions, IHeaderParser> createParser, TextWriter output, TextWriter error)
    {
        if (!TryParse(arguments, out var header, out var directory, out var layout, out var check))
        {
            error.WriteLine(Usage);
            return 2;
        }

        if (!File.Exists(header))
        {
            error.WriteLine($"{header}: no such file");
            return 2;
        }

        try
        {
            var options = GeneratorOptions.Default;
            var model = createParser(options).Parse(header);
            var name = Path.GetFileName(header);
            List<GeneratedFile> files =
            [
                .. new CSharpEmitter(options, name).Emit(model).Select(f => f with { Path = Path.Combine(directory, f.Path) }),
                new GeneratedFile(layout, LayoutHeaderEmitter.Emit(model, name)),
            ];
            var set = new OutputSet(files, directory);
            return check ? set.Check(output) : set.Write(output);
        }
        catch (HeaderException e)
        {
            foreach (var problem in e.Errors)
                error.WriteLine(problem);
            return 1;
        }
        catch (Exception e) when (e is DllNotFoundException or IOException or UnauthorizedAccessException)
        {
            error.WriteLine(e.Message);
            return 1;
        }
    }

    private static bool TryParse(string[] arguments, out string header, out string directory, out string layout, out bool check)
    {
        var positional = new List<string>();
        string? layoutPath = null;
        check = false;
        var valid = true;
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--check")
                check = true;
            else if (arguments[i] == "--layout" && i + 1 < arguments.Length)
                layoutPath = arguments[++i];
            else if (arguments[i].StartsWith('-'))
                valid = false;
            else
                positional.Add(arguments[i]);
        }

        header = positional.ElementAtOrDefault(0) ?? string.Empty;
        directory = positional.ElementAtOrDefault(1) ?? string.Empty;
        layout = layoutPath ?? (header.Length == 0
            ? string.Empty
            : Path.Combine(Path.GetDirectoryName(Path.GetFullPath(header))!, "..", "src", LayoutHeaderEmitter.FileName));
        return valid && positional.Count == 2;
    }
}
