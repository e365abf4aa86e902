using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace TunFlow.PacketScripts.Language;

/// <content>The listing of what happened, which every failure shows.</content>
internal sealed partial class PacketScript
{
    private const int MostLines = 60;

    private readonly List<(TimeSpan At, string Sign, object What)> _lines = [];

    /// <summary>The script so far.</summary>
    public string Transcript => Listing();

    /// <summary>A remark in the listing.</summary>
    public void Comment(string text) => Note("#", text);

    private void Note(string sign, object what) => _lines.Add((Now, sign, what));

    private string Listing(ReceivedPacket? pointedAt = null)
    {
        StringBuilder text = new();
        text.AppendLine("The script so far (seconds; < to the stack, > from it, . call, ! event):");
        int skipped = Math.Max(0, _lines.Count - MostLines);
        if (skipped > 0)
            text.AppendLine($"  ({skipped} lines before)");
        foreach ((TimeSpan at, string sign, object what) in _lines.Skip(skipped))
        {
            string mark = what is not ReceivedPacket packet ? ""
                : packet == pointedAt ? "    <== this one"
                : _unexpected.Contains(packet) ? "    (not expected yet)"
                : "";
            text.AppendLine($"  {PacketText.Time(at),11} {sign} {what}{mark}");
        }

        return text.ToString();
    }

    [DoesNotReturn]
    private void Fail(string expected, string instead, ReceivedPacket? pointedAt = null)
    {
        _failed = true;
        throw new AssertionException(
            $"IPv{(int)Version}, at {PacketText.Time(Now)} s{Environment.NewLine}"
            + $"Expected: {expected}{Environment.NewLine}But:      {instead}{Environment.NewLine}{Listing(pointedAt)}");
    }
}
