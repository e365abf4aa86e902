namespace TunFlow.PacketScripts.StateMachine;

/// <summary>A line of docs/tcp-deviations.md about calls.</summary>
internal sealed record UserDeviation(string Name, string Calls, string States, string Rule, string Here, string Reason)
{
    public bool Covers(UserCall call, TcpState state, string rule, string here) =>
        Calls.Split(", ").Contains(call.ToString().ToUpperInvariant())
        && States.Split(", ").Contains(StateNames.Of(state)) && Rule == rule && Here == here;

    public static IReadOnlyList<UserDeviation> Read(string document) =>
    [
        .. from line in File.ReadLines(document)
           where line.StartsWith("| U", StringComparison.Ordinal)
           let cells = line.Trim('|', ' ').Split('|', StringSplitOptions.TrimEntries)
           select cells.Length == 6
               ? new UserDeviation(cells[0], cells[1], cells[2], cells[3], cells[4], cells[5])
               : throw new FormatException($"A line of {document} has {cells.Length} cells, not 6: {line}"),
    ];
}
