using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.StateMachine;

/// <summary>
/// RFC 9293 3.10.7, event by event: what arrives, in which state, at which place of the window, with which ACK. The
/// oracle says what is permitted; what is done otherwise stands in docs/tcp-deviations.md with its reason.
/// </summary>
[AcceptanceRow(15)]
public sealed class StateMachineTests : ScriptFixture
{
    private static readonly Lazy<IReadOnlyList<Deviation>> Deviations = new(() => Deviation.Read(DeviationDocument.Path));

    public StateMachineTests(IPVersion version)
        : base(version)
    {
    }

    [Test]
    public void Segment_arrives([Values] TcpState state, [Values] SegmentKind kind)
    {
        IReadOnlyList<Case> cases = Cases.Run(Version, state, kind);
        Assert.That(cases, Is.Not.Empty);
        string[] unknown = [.. cases.Where(c => c.Deviates && !Deviations.Value.Any(d => d.Covers(c))).Select(c => $"| D | {c} | |")];
        Assert.That(unknown, Is.Empty, () => Report(unknown));
    }

    [Test]
    public void Every_state_meets_every_segment_at_every_place()
    {
        Case[] all = [.. Cases.All(Version)];
        TestContext.Out.WriteLine($"{all.Length} cases, {all.Count(c => c.Deviates)} of them known deviations");
        Assert.That(all, Has.Length.GreaterThan(2500));
        Assert.That(all.Select(c => (c.State, c.Segment)).Distinct().Count(),
            Is.EqualTo(Enum.GetValues<TcpState>().Length * Enum.GetValues<SegmentKind>().Length));
    }

    [Test]
    public void Every_known_deviation_still_is_one()
    {
        Case[] deviating = [.. Cases.All(Version).Where(c => c.Deviates)];
        string[] gone = [.. Deviations.Value.Where(d => !deviating.Any(d.Covers)).Select(d => d.ToString())];
        Assert.That(gone, Is.Empty, "lines of docs/tcp-deviations.md that no case needs any more");
    }

    [Test]
    public void Every_known_deviation_has_a_reason_and_a_name_of_its_own()
    {
        Assert.That(Deviations.Value.Select(d => d.Name), Is.Unique);
        Assert.That(Deviations.Value.Select(d => d.Reason), Has.All.Not.Empty);
    }

    /// <summary>A list that covered more than it must would hide a change.</summary>
    [Test]
    public void No_listed_place_of_a_deviation_is_without_a_case()
    {
        Case[] deviating = [.. Cases.All(Version).Where(c => c.Deviates)];
        List<string> needless = [];
        foreach (Deviation deviation in Deviations.Value)
        {
            Case[] covered = [.. deviating.Where(deviation.Covers)];
            needless.AddRange(Needless(deviation, "state", deviation.States, covered.Select(c => c.State)));
            needless.AddRange(Needless(deviation, "segment", deviation.Segments, covered.Select(c => c.Segment)));
            needless.AddRange(Needless(deviation, "sequence", deviation.Sequences, covered.Select(c => c.Arrival.SequenceName)));
            needless.AddRange(Needless(deviation, "ACK", deviation.Acknowledgments, covered.Select(c => c.Arrival.AckName)));
        }

        Assert.That(needless, Is.Empty);
    }

    private static IEnumerable<string> Needless(Deviation deviation, string column, string list, IEnumerable<string> seen) =>
        list == "*" ? [] : list.Split(", ").Except(seen).Select(name => $"{deviation.Name}: no case has the {column} '{name}'");

    private static string Report(string[] unknown) =>
        $"Otherwise than RFC 9293 3.10.7 says, and not in docs/tcp-deviations.md"
        + $" (name | state | segment | sequence | ACK | the RFC | here | reason):{Environment.NewLine}"
        + string.Join(Environment.NewLine, unknown);
}
