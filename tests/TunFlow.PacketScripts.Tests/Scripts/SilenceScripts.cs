using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.Scripts;

public sealed class SilenceScripts : ScriptFixture
{
    public SilenceScripts(IPVersion version)
        : base(version)
    {
    }

    /// <summary>No router solicitation, no duplicate address detection, no announcement of any kind.</summary>
    [Test]
    [Weakness(23)]
    public void Fresh_stack_without_input_emits_nothing_for_60_seconds()
    {
        using PacketScript script = NewScript();
        script.ExpectNothing(seconds: 60);
        Assert.That(script.Statistics.PacketsOut, Is.Zero);
    }

    [Test]
    [Weakness(26)]
    public void Idle_stack_has_no_timer_whatever_lived_in_it()
    {
        using PacketScript script = NewScript();
        Assert.That(script.Deadline, Is.Null, "fresh");
        script.Open();
        Assert.That(script.Deadline, Is.Null, "with an idle flow");
        script.Send(Tcp.Data(100));
        script.Expect(Tcp.Ack(ack: 101));
        script.Read(100);
        script.Write(100);
        script.Expect(Tcp.Data(100, seq: 1));
        Assert.That(script.Deadline, Is.Not.Null, "with data in flight");
        script.Send(Tcp.Ack());
        script.Advance(1);
        Assert.That(script.Deadline, Is.Null, "with an idle flow again");
        ulong ticks = script.Statistics.Ticks;
        script.ExpectNothing(seconds: 3600);
        Assert.That(script.Statistics.Ticks, Is.EqualTo(ticks), "ticks in an idle hour");
        script.Abort();
        script.Expect(Tcp.RstAck());
        Assert.That(script.Deadline, Is.Null, "with a dead flow");
    }
}
