using System.Globalization;
using System.Text;

namespace TunFlow.Api.Tests.Support;

/// <summary>What changed between two texts, line by line, in the notation of diff.</summary>
internal static class LineDifference
{
    /// <summary>Lists the lines that were taken away and added, each block under the line of C# that it is nested in.</summary>
    /// <returns>Empty if the texts are equal. At most <paramref name="most"/> lines, then how many more there are.</returns>
    internal static string Describe(string before, string after, int most = 40)
    {
        string[] old = before.Split('\n');
        string[] young = after.Split('\n');
        int[][] common = CommonLines(old, young);
        StringBuilder text = new();
        string? container = null;
        int shown = 0;
        int hidden = 0;
        for (int i = 0, j = 0; i < old.Length || j < young.Length;)
        {
            if (i < old.Length && j < young.Length && old[i] == young[j])
            {
                i++;
                j++;
                continue;
            }

            bool removed = j == young.Length || (i < old.Length && common[i + 1][j] >= common[i][j + 1]);
            string line = removed ? old[i] : young[j];
            string? around = removed ? Container(old, i) : Container(young, j);
            i += removed ? 1 : 0;
            j += removed ? 0 : 1;
            if (shown++ >= most)
            {
                hidden++;
                continue;
            }

            if (around != container)
                text.Append("  ").AppendLine(container = around);
            text.Append(removed ? "- " : "+ ").AppendLine(line);
        }

        if (hidden > 0)
            text.AppendLine(CultureInfo.InvariantCulture, $"  and {hidden} more lines");
        return text.ToString();
    }

    /// <summary>The lengths of the longest common subsequences of every pair of ends.</summary>
    private static int[][] CommonLines(string[] old, string[] young)
    {
        int[][] common = [.. Enumerable.Range(0, old.Length + 1).Select(_ => new int[young.Length + 1])];
        for (int i = old.Length - 1; i >= 0; i--)
        {
            for (int j = young.Length - 1; j >= 0; j--)
                common[i][j] = old[i] == young[j] ? common[i + 1][j + 1] + 1 : Math.Max(common[i + 1][j], common[i][j + 1]);
        }

        return common;
    }

    /// <summary>The nearest line above that is indented less: the type, or the namespace.</summary>
    private static string? Container(string[] lines, int index)
    {
        int indentation = Indentation(lines[index]);
        for (int i = index - 1; i >= 0; i--)
        {
            if (Indentation(lines[i]) < indentation && lines[i].Trim() is not ("" or "{" or "}"))
                return lines[i];
        }

        return null;
    }

    private static int Indentation(string line) => line.Length - line.TrimStart().Length;
}
