using TunFlow.PacketScripts.Language;
using static TunFlow.PacketScripts.Language.Fields;

namespace TunFlow.PacketScripts.Scripts;

public sealed class LatencyScripts : ScriptFixture
{
    public LatencyScripts(IPVersion version)
        : base(version)
    {
    }

    /// <summary>No Nagle: RFC 9293 3.7.4 lets an application turn it off, and this one is on the same machine.</summary>
    [Test]
    [Weakness(19)]
    public void Three_small_writes_5_ms_apart_all_leave_at_once_without_an_acknowledgment()
    {
        using PacketScript script = NewScript();
        script.Open();
        script.Write(10);
        script.Expect(Tcp.Data(10, seq: 1), Time.Is(0), Push);
        script.Advance(0.005);
        script.Write(20);
        script.Expect(Tcp.Data(20, seq: 11), Time.Is(0.005), Push);
        script.Advance(0.005);
        script.Write(30);
        script.Expect(Tcp.Data(30, seq: 31), Time.Is(0.010), Push);
        script.ExpectNothing();
        script.Send(Tcp.Ack(ack: 61));
        script.ExpectNothing(seconds: 10);
    }

    /// <summary>RFC 9293 3.8.6.3: the first segments of a connection are acknowledged at once, later ones within half a second.</summary>
    [Test]
    [Weakness(19)]
    public void Single_segments_are_acknowledged_at_once_at_first_and_within_500_ms_ever_after()
    {
        using PacketScript script = NewScript();
        script.Open();
        for (int i = 0; i < 40; i++)
        {
            double sent = script.Now.TotalSeconds;
            script.Send(Tcp.Data(100));
            uint next = script.Main.NextToSend;
            script.ExpectWithin(0.5, Tcp.Ack(ack: next), Time.AtMost(sent + (i < 8 ? 0 : 0.5)));
            script.Read(100);
            script.Advance(0.01);
        }
    }

    /// <summary>The ping-pong of small messages never waits for a timer of either side.</summary>
    [Test]
    [Weakness(19)]
    public void Answers_leave_at_once_and_carry_the_acknowledgment()
    {
        using PacketScript script = NewScript();
        script.Open();
        for (uint i = 0; i < 100; i++)
        {
            double sent = script.Now.TotalSeconds;
            script.Send(Tcp.Data(10).Push());
            script.Read(10);
            script.TakeAll();
            script.Write(10);
            script.Expect(Tcp.Data(10, seq: 1 + i * 10, ack: script.Main.NextToSend), Time.Is(sent));
            script.Advance(0.001);
        }

        script.Send(Tcp.Ack());
    }
}
