using System.Text;

namespace TunFlow.BindingGenerator.Emitting;

/// <summary>Text with indentation; every line ends with LF on every platform, so that output never depends on where it was made.</summary>
internal sealed class SourceWriter
{
    private readonly StringBuilder _text = new();
    private int _depth;

    public void Line(string text = "")
    {
        if (text.Length > 0)
            _text.Append(' ', _depth * 4).Append(text);
        _text.Append('\n');
    }

    public void Open(string? header = null)
    {
        if (header is not null)
            Line(header);
        Line("{");
        _depth++;
    }

    public void Close(string suffix = "")
    {
        _depth--;
        Line("}" + suffix);
    }

    /// <summary>A comment of the header as XML documentation; line breaks stay where they are.</summary>
    public void Summary(string? comment, string? remarks = null)
    {
        if (comment is not null)
        {
            var lines = Escape(comment).Split('\n');
            if (lines.Length == 1)
            {
                Line($"/// <summary>{lines[0]}</summary>");
            }
            else
            {
                Line("/// <summary>");
                foreach (var line in lines)
                    Line($"/// {line}".TrimEnd());
                Line("/// </summary>");
            }
        }

        if (remarks is not null)
            Line($"/// <remarks><c>{Escape(remarks)}</c></remarks>");
    }

    public override string ToString() => _text.ToString();

    private static string Escape(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal)
            .Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace(">", "&gt;", StringComparison.Ordinal);
}
