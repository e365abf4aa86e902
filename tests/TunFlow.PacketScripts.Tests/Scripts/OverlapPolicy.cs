namespace TunFlow.PacketScripts.Scripts;

/// <summary>
/// Which bytes a stream has where segments above a gap overlap with different ones; docs/tcp-deviations.md says the same
/// in words. Below, a segment is waiting ('A') when another one ('B') comes; then the gaps are filled byte by byte ('C').
/// </summary>
internal static class OverlapPolicy
{
    public static string Stream(int length, (int Start, int End) a, (int Start, int End) b)
    {
        char[] stream = [.. Enumerable.Repeat('C', length)];
        void Put(char letter, int start, int end)
        {
            for (int i = start; i < end; i++)
                stream[i] = letter;
        }

        if (b.Start == 0)
        {
            // In order, it is delivered at once; what it covers whole is replaced, where it only reaches it is cut.
            bool covers = b.End >= a.End;
            Put('A', a.Start, a.End);
            Put('B', 0, covers ? b.End : Math.Min(b.End, a.Start));
        }
        else if (b.Start == a.Start)
        {
            // The same place: the one that was there.
            Put('A', a.Start, a.End);
        }
        else if (b.Start > a.Start)
        {
            // It starts later: it has its bytes, and what waited ends there.
            Put('A', a.Start, Math.Min(a.End, b.Start));
            Put('B', b.Start, b.End);
        }
        else
        {
            // It starts earlier: it replaces what it covers whole, else it ends where the waiting one starts.
            bool covers = b.End >= a.End;
            if (!covers)
                Put('A', a.Start, a.End);
            Put('B', b.Start, covers ? b.End : Math.Min(b.End, a.Start));
        }

        return new string(stream);
    }
}
