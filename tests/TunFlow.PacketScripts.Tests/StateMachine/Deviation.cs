namespace TunFlow.PacketScripts.StateMachine;

/// <summary>A line of docs/tcp-deviations.md: which cases it is about, what the RFC asks for, what is done instead.</summary>
internal sealed record Deviation(
    string Name, string States, string Segments, string Sequences, string Acknowledgments, string Rule, string Here, string Reason)
{
    public bool Covers(Case one) =>
        IsListed(States, one.State) && IsListed(Segments, one.Segment)
        && IsListed(Sequences, one.Arrival.SequenceName) && IsListed(Acknowledgments, one.Arrival.AckName)
        && Rule == one.Rule && Here == one.Here;

    /// <summary>The lines of the document's tables of this shape.</summary>
    public static IReadOnlyList<Deviation> Read(string document) =>
    [
        .. from line in File.ReadLines(document)
           where line.StartsWith("| D", StringComparison.Ordinal)
           let cells = line.Trim('|', ' ').Split('|', StringSplitOptions.TrimEntries)
           select cells.Length == 8
               ? new Deviation(cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6], cells[7])
               : throw new FormatException($"A line of {document} has {cells.Length} cells, not 8: {line}"),
    ];

    private static bool IsListed(string list, string name) => list == "*" || list.Split(", ").Contains(name);
}
