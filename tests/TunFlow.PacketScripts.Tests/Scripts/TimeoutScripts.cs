using TunFlow.Interop;
using TunFlow.PacketScripts.Language;
using static TunFlow.PacketScripts.Language.Fields;

namespace TunFlow.PacketScripts.Scripts;

/// <summary>RFC 9293 3.10.8: the timeouts.</summary>
[AcceptanceRow(15)]
public sealed class TimeoutScripts : ScriptFixture
{
    /// <summary>lwIP counts in ticks of half a second; what concerns an open flow is exact.</summary>
    private const double Tick = 0.5;
    private const double Step = 0.05;

    public TimeoutScripts(IPVersion version)
        : base(version)
    {
    }

    /// <summary>RFC 6298 5.4 to 5.6: the oldest segment again, the timer doubled each time. The round trip of the handshake was next to nothing, so the least timeout holds.</summary>
    [Test]
    public void Retransmission_timer_doubles_until_the_flow_is_given_up()
    {
        using PacketScript script = NewScript();
        script.Open();
        script.Write(100);
        double previous = script.Expect(Tcp.Data(100, seq: 1)).At.TotalSeconds;
        double interval = 0;
        int count = 0;
        while ((script.Main.Events & TfEventFlags.Closed) == 0)
        {
            script.Advance(Step);
            foreach (ReceivedPacket packet in script.TakeAll())
            {
                script.Require(packet.Seq == 1 && packet.Parsed.Payload.Length == 100, "the same segment again", packet.ToString());
                double now = packet.At.TotalSeconds;
                double passed = now - previous;
                script.Require(
                    count == 0 ? passed is >= 0.25 and <= 0.35 : passed >= Math.Min(2 * interval, 60) - Step,
                    $"retransmission {count + 1} after 0.25 s, doubled each time", $"after {passed} s, behind one after {interval} s");
                (previous, interval) = (now, passed);
                count++;
            }

            script.Require(script.Now < TimeSpan.FromMinutes(20), "an end of it", "none in 20 minutes");
        }

        script.ExpectClosed(TfStatus.ETimeout);
        script.Require(count is >= 5 and <= 15, "5 to 15 retransmissions", $"{count}");
    }

    [Test]
    public void Syn_ack_is_sent_again_until_the_handshake_is_given_up()
    {
        using PacketScript script = NewScript((ref TfConfig c) => c.HalfOpenTimeout = 20_000_000);
        script.Send(Tcp.Syn(seq: 0));
        script.Accept();
        script.Expect(Tcp.SynAck(seq: 0, ack: 1));
        double previous = 0;
        double least = 0.5;
        for (int i = 0; i < 4; i++)
        {
            double at = script.ExpectWithin(16, Tcp.SynAck(seq: 0, ack: 1)).At.TotalSeconds;
            script.Require(at - previous >= least, $"the SYN-ACK not before {least} s", $"after {at - previous} s");
            (previous, least) = (at, 2 * (at - previous) - Tick);
        }

        script.Advance(20 - script.Now.TotalSeconds);
        script.Expect(Tcp.RstAck(ack: 1));
        script.ExpectClosed(TfStatus.ETimeout);
        script.ExpectNothing(seconds: 120);
    }

    [Test]
    public void Fin_is_sent_again_until_it_is_acknowledged()
    {
        using PacketScript script = NewScript();
        script.Open();
        script.Shutdown();
        script.Expect(Tcp.Fin(seq: 1, ack: 1));
        script.ExpectWithin(1.5, Tcp.Fin(seq: 1, ack: 1));
        script.ExpectWithin(3.5, Tcp.Fin(seq: 1, ack: 1));
        script.Send(Tcp.Ack());
        script.ExpectEvent(TfEventFlags.Drained);
        script.ExpectNothing(seconds: 60);
    }

    [Test]
    public void Time_wait_lasts_as_configured_and_ends_silently()
    {
        using PacketScript script = NewScript();
        EnterTimeWait(script);
        script.Advance(1.999);
        Assert.That(script.Statistics.FlowsTimeWait, Is.EqualTo(1));
        script.ExpectNothing(seconds: 0.002);
        Assert.That(script.Statistics.FlowsTimeWait, Is.Zero);
    }

    /// <summary>"Acknowledge it, and restart the 2 MSL timeout."</summary>
    [Test]
    public void Repeated_fin_restarts_time_wait()
    {
        using PacketScript script = NewScript();
        EnterTimeWait(script);
        script.Advance(1.5);
        script.Send(Tcp.Fin(seq: 1));
        script.Expect(Tcp.Ack(seq: 2, ack: 2));
        script.Advance(1.999);
        Assert.That(script.Statistics.FlowsTimeWait, Is.EqualTo(1));
        script.ExpectNothing(seconds: 0.002);
        Assert.That(script.Statistics.FlowsTimeWait, Is.Zero);
    }

    /// <summary>RFC 1122 4.2.2.13: the new connection's numbers lie above the old one's.</summary>
    [Test]
    public void New_syn_in_time_wait_opens_with_a_larger_initial_number()
    {
        using PacketScript script = NewScript();
        EnterTimeWait(script);
        uint old = script.Main.StackInitial + 2;
        Conversation again = script.NewConversation(script.Main.Application.Port);
        again.ApplicationInitial = script.Main.ApplicationInitial + 100;
        script.Advance(0.1);
        script.Open(of: again);
        Assert.That((int)(again.StackInitial - old), Is.Positive);
    }

    private static void EnterTimeWait(PacketScript script)
    {
        script.Open();
        script.Shutdown();
        script.Expect(Tcp.Fin(seq: 1, ack: 1));
        script.Send(Tcp.Fin());
        script.Expect(Tcp.Ack(seq: 2, ack: 2), Window.AtLeast(1));
        script.ExpectClosed(TfStatus.Ok);
        Assert.That(script.Statistics.FlowsTimeWait, Is.EqualTo(1));
    }
}
