using System.Text.RegularExpressions;
using TunFlow.BindingGenerator.Model;
using TunFlow.BindingGenerator.Parsing;

namespace TunFlow.BindingGenerator.CppSharpParser;

/// <summary>What CppSharp's tree does not keep of the text: where macros stand, which functions are exported, comments.</summary>
internal sealed partial class HeaderSource
{
    private readonly string _path;
    private readonly string[] _lines;
    private readonly HeaderComments _comments;
    private readonly GeneratorOptions _options;

    public HeaderSource(string path, string text, GeneratorOptions options)
    {
        _path = path;
        _lines = text.Split('\n');
        _comments = HeaderComments.Read(text);
        _options = options;
    }

    /// <summary>CppSharp reports lines only, so the column is always 1.</summary>
    public SourceLocation At(int line) => new(_path, Math.Max(line, 1), 1);

    public string? CommentOf(int startLine, int endLine) => _comments.Find(startLine, endLine);

    /// <summary>Whether the export macro stands on the line; attributes are not part of CppSharp's tree.</summary>
    public bool IsExported(int line) =>
        line >= 1 && line <= _lines.Length
        && Word().Matches(_lines[line - 1]).Any(word => word.Value == _options.ExportMacro);

    /// <summary>The line of a macro's definition, from 1, and whether it takes parameters; line 0 if it is not defined here.</summary>
    public (int Line, bool IsFunctionLike) FindMacro(string name)
    {
        for (var i = 0; i < _lines.Length; i++)
        {
            var match = Define().Match(_lines[i]);
            if (match.Success && match.Groups[1].Value == name)
                return (i + 1, match.Groups[2].Length > 0);
        }

        return (0, false);
    }

    /// <summary>Splits a macro's replacement the way the preprocessor would, as far as literals are concerned.</summary>
    public static List<string> Tokens(string expression) => [.. Token().Matches(expression).Select(match => match.Value)];

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();

    [GeneratedRegex(@"^\s*#\s*define\s+(\w+)(\(?)")]
    private static partial Regex Define();

    [GeneratedRegex("""
        "(?:\\.|[^"\\])*"|[\w.]+|\S
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Token();
}
