namespace TunFlow.PacketScripts.StateMachine;

/// <summary>What a segment brought about, as far as both sides can see it.</summary>
/// <param name="Reply">The segment that answers, if any.</param>
/// <param name="State">The state after it.</param>
/// <param name="SndUna">The oldest unacknowledged number after it; not of a connection that has nothing in flight any more.</param>
/// <param name="Text">Bytes that became readable.</param>
internal sealed record Outcome(Reply? Reply, TcpState State, uint? SndUna, int Text)
{
    /// <summary>More than one segment answered: never right.</summary>
    public int FurtherReplies { get; init; }

    public string Describe(Tcb before, Arrival arrival)
    {
        List<string> parts = [];
        uint next = before.RcvNxt + (uint)Text + (Ended(before) ? 1u : 0u);
        parts.Add(Reply is { } reply ? reply.Describe(before, arrival, next) : "no answer");
        if (FurtherReplies > 0)
            parts.Add($"{FurtherReplies} more answers");
        if (SndUna is { } una && una != before.SndUna)
            parts.Add("takes the ACK");
        if (Text > 0)
            parts.Add($"takes {Text} bytes");
        if (State != before.State)
            parts.Add("to " + StateNames.Of(State));
        return string.Join("; ", parts);
    }

    /// <summary>Whether the FIN of the peer was taken now.</summary>
    private bool Ended(Tcb before) => StateNames.HasEnded(State) && !StateNames.HasEnded(before.State);
}
