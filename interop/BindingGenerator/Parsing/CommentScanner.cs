namespace TunFlow.BindingGenerator.Parsing;

/// <summary>Finds the comments of a C source text; string and character literals hide none.</summary>
internal static class CommentScanner
{
    public static IEnumerable<HeaderComment> Scan(string text)
    {
        var line = 1;
        var codeOnLine = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '\n')
            {
                line++;
                codeOnLine = false;
            }
            else if (c is '"' or '\'')
            {
                i = SkipLiteral(text, i);
                codeOnLine = true;
            }
            else if (c == '/' && i + 1 < text.Length && (text[i + 1] is '*' or '/'))
            {
                var end = CommentEnd(text, i);
                var raw = text[i..end];
                var lines = raw.AsSpan().Count('\n');
                yield return new HeaderComment(raw, line, line + lines, !codeOnLine);
                line += lines;
                i = end - 1;
            }
            else if (!char.IsWhiteSpace(c))
            {
                codeOnLine = true;
            }
        }
    }

    private static int CommentEnd(string text, int start)
    {
        if (text[start + 1] == '*')
        {
            var end = text.IndexOf("*/", start + 2, StringComparison.Ordinal);
            return end < 0 ? text.Length : end + 2;
        }

        var newLine = text.IndexOf('\n', start);
        return newLine < 0 ? text.Length : newLine;
    }

    /// <summary>Index of the closing quote, or of the line's last character when there is none.</summary>
    private static int SkipLiteral(string text, int start)
    {
        for (var i = start + 1; i < text.Length; i++)
        {
            if (text[i] == '\\')
                i++;
            else if (text[i] == text[start])
                return i;
            else if (text[i] == '\n')
                return i - 1;
        }

        return text.Length - 1;
    }
}
