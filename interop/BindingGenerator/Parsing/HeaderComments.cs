using System.Globalization;
using System.Text;

namespace TunFlow.BindingGenerator.Parsing;

/// <summary>
/// The comments of a header and the declarations they belong to. Read from the text, not through a parser, because
/// parsers attach only comments in documentation form and none at all to macros.
/// </summary>
/// <remarks>
/// A comment belongs to the declaration on the line after it when it has its lines for itself and no blank line
/// follows; otherwise to the declaration that ends on the line it starts on. A ruler ("---- name ----") belongs to nothing.
/// </remarks>
internal sealed class HeaderComments
{
    private readonly Dictionary<int, string> _byEndLine = [];
    private readonly Dictionary<int, string> _byStartLine = [];

    private HeaderComments()
    {
    }

    public static HeaderComments Read(string text)
    {
        var comments = new HeaderComments();
        foreach (var comment in CommentScanner.Scan(text))
        {
            var content = Clean(comment.Text);
            if (content.Length == 0 || content.StartsWith("---", StringComparison.Ordinal))
                continue;
            // Only the last comment of a line can trail its declaration, so a later one replaces an earlier one.
            if (comment.IsAlone)
                comments._byEndLine[comment.EndLine] = content;
            else
                comments._byStartLine[comment.StartLine] = content;
        }

        return comments;
    }

    /// <summary>The comment of the declaration that spans these lines, or null.</summary>
    public string? Find(int startLine, int endLine) =>
        _byEndLine.GetValueOrDefault(startLine - 1) ?? _byStartLine.GetValueOrDefault(endLine);

    /// <summary>Removes the comment's frame and keeps its line breaks.</summary>
    private static string Clean(string raw)
    {
        var body = raw.StartsWith("//", StringComparison.Ordinal) ? raw[2..] : raw[2..^2];
        var result = new StringBuilder();
        foreach (var line in body.Split('\n'))
        {
            var content = line.Trim();
            if (content.StartsWith('*') && (content.Length == 1 || content[1] == ' '))
                content = content[1..].TrimStart();
            content = content.TrimStart('!', '<');
            if (content.Length == 0 && result.Length == 0)
                continue;
            result.Append(CultureInfo.InvariantCulture, $"{content}\n");
        }

        return result.ToString().Trim();
    }
}
