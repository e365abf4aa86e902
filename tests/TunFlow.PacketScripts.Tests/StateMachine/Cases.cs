using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.StateMachine;

/// <summary>Every state with every segment at every place.</summary>
internal static class Cases
{
    private const uint Far = 0x40000000;

    private static readonly Dictionary<(IPVersion, TcpState, SegmentKind), IReadOnlyList<Case>> Known = [];

    /// <summary>Runs the cases of a state and a kind of segment, once.</summary>
    public static IReadOnlyList<Case> Run(IPVersion version, TcpState state, SegmentKind kind)
    {
        lock (Known)
        {
            if (!Known.TryGetValue((version, state, kind), out IReadOnlyList<Case>? cases))
            {
                cases = [.. Arrivals(version, state, kind).Select(arrival => RunOne(version, state, arrival))];
                Known.Add((version, state, kind), cases);
            }

            return cases;
        }
    }

    public static IEnumerable<Case> All(IPVersion version) =>
        from state in Enum.GetValues<TcpState>()
        from kind in Enum.GetValues<SegmentKind>()
        from one in Run(version, state, kind)
        select one;

    private static Case RunOne(IPVersion version, TcpState state, Arrival arrival)
    {
        using PacketScript script = new(version, Situation.Configure);
        Situation situation = Situation.Create(script, state);
        return new Case(situation.Tcb, arrival, Oracle.Permitted(situation.Tcb, arrival), situation.Send(arrival));
    }

    private static List<Arrival> Arrivals(IPVersion version, TcpState state, SegmentKind kind)
    {
        // The numbers are the same in every run of a state.
        using PacketScript script = new(version, Situation.Configure);
        Tcb tcb = Situation.Create(script, state).Tcb;
        return [.. from seq in Sequences(tcb, kind) from ack in Acknowledgments(tcb) select new Arrival(kind, seq.Name, seq.At, ack.Name, ack.At)];
    }

    private static IEnumerable<(string Name, uint At)> Sequences(Tcb tcb, SegmentKind kind)
    {
        uint span = new Arrival(kind, "", 0, "", null).Span;
        (string, uint)[] places =
        [
            ("left", tcb.RcvNxt),
            ("before", tcb.RcvNxt - 1),
            ("repeated", tcb.RcvNxt - Math.Max(span, 1)),
            ("middle", tcb.RcvNxt + tcb.RcvWnd / 2),
            ("right", tcb.RcvNxt + tcb.RcvWnd - 1),
            ("behind", tcb.RcvNxt + tcb.RcvWnd),
            ("past", tcb.RcvNxt + tcb.RcvWnd + 1),
            ("far", tcb.RcvNxt + Far),
            ("far old", tcb.RcvNxt - Far),
        ];
        return places.DistinctBy(p => p.Item2);
    }

    private static IEnumerable<(string Name, uint? At)> Acknowledgments(Tcb tcb)
    {
        yield return ("none", null);
        yield return ("old", tcb.SndUna - 1);
        yield return ("oldest", tcb.SndUna - tcb.MaxSndWnd);
        yield return ("far old", tcb.SndUna - tcb.MaxSndWnd - 1);
        if (tcb.HasFlight)
            yield return ("una", tcb.SndUna);
        if (tcb.SndNxt - tcb.SndUna > 1)
            yield return ("part", tcb.SndUna + (tcb.SndNxt - tcb.SndUna) / 2);
        yield return ("all", tcb.SndNxt);
        yield return ("unsent", tcb.SndNxt + 1);
    }
}
