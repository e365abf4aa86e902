using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.StateMachine;

/// <summary>RFC 9293 3.10.1 to 3.10.6: each call in each state.</summary>
[AcceptanceRow(15)]
public sealed class UserCallTests : ScriptFixture
{
    private static readonly Lazy<IReadOnlyList<UserDeviation>> Deviations = new(() => UserDeviation.Read(DeviationDocument.Path));

    private static readonly TcpState[] States = [.. Enum.GetValues<TcpState>().Where(s => s != TcpState.Listen)];

    public UserCallTests(IPVersion version)
        : base(version)
    {
    }

    [Test]
    public void Call_is_made([Values] UserCall call, [ValueSource(nameof(States))] TcpState state)
    {
        (string rule, string here) = Run(call, state);
        if (rule.Split(" or ").Contains(here))
            return;
        Assert.That(Deviations.Value.Any(d => d.Covers(call, state, rule, here)), Is.True, () =>
            $"RFC 9293 3.10: {rule}. Here: {here}. Not in docs/tcp-deviations.md:{Environment.NewLine}"
            + $"| U | {call.ToString().ToUpperInvariant()} | {StateNames.Of(state)} | {rule} | {here} | |");
    }

    [Test]
    public void Every_known_deviation_still_is_one()
    {
        var runs = (from call in Enum.GetValues<UserCall>() from state in States let run = Run(call, state) select (call, state, run)).ToArray();
        List<string> gone = [];
        foreach (UserDeviation deviation in Deviations.Value)
        {
            foreach (string name in deviation.States.Split(", "))
            {
                if (!runs.Any(r => StateNames.Of(r.state) == name && deviation.Covers(r.call, r.state, r.run.Rule, r.run.Here)))
                    gone.Add($"{deviation.Name} in {name}");
            }
        }

        Assert.That(gone, Is.Empty);
        Assert.That(Deviations.Value.Select(d => d.Reason), Has.All.Not.Empty);
    }

    private (string Rule, string Here) Run(UserCall call, TcpState state)
    {
        using PacketScript script = new(Version, Situation.Configure);
        Situation situation = Situation.Create(script, state);
        UserOutcome here = situation.Make(call);
        return (string.Join(" or ", UserOracle.Permitted(call, state)), here.ToString());
    }
}
