namespace TunFlow.PacketScripts.StateMachine;

/// <summary>A state and a segment, and what came of them.</summary>
internal sealed record Case(Tcb Before, Arrival Arrival, IReadOnlyList<Outcome> Permitted, Outcome Seen)
{
    public bool Deviates => !Permitted.Contains(Seen);

    public string State => StateNames.Of(Before.State);

    public string Segment => StateNames.Of(Arrival.Kind);

    public string Rule => string.Join(" or ", Permitted.Select(o => o.Describe(Before, Arrival)).Distinct());

    public string Here => Seen.Describe(Before, Arrival);

    public override string ToString() => $"{State} | {Segment} | {Arrival.SequenceName} | {Arrival.AckName} | {Rule} | {Here}";
}
