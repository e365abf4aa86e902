using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.Scripts;

/// <summary>RFC 5961 7: answers to what nobody should have sent are limited; those that a peer needs are not.</summary>
[AcceptanceRow(15)]
public sealed class ChallengeScripts : ScriptFixture
{
    private const int Limit = 100;

    public ChallengeScripts(IPVersion version)
        : base(version)
    {
    }

    public enum Nuisance
    {
        Syn,
        Reset,
        UnsentAck,
        FarAway,
    }

    [Test]
    public void Challenge_acks_are_limited_and_keep_alives_are_answered_all_the_same([Values] Nuisance nuisance)
    {
        using PacketScript script = NewScript((ref TfConfig c) => c.IcmpPerSecond = Limit);
        script.Open();
        int answers = 0;
        for (int i = 0; i < 10 * Limit; i++)
        {
            script.Send(nuisance switch
            {
                Nuisance.Syn => Tcp.Syn(seq: 12345),
                Nuisance.Reset => Tcp.Rst(seq: 2),
                Nuisance.UnsentAck => Tcp.Ack(ack: 1000, seq: 1),
                _ => Tcp.Ack(ack: 1, seq: 0x4000_0000),
            });
            answers += script.TakeAll().Count;
        }

        Assert.That(answers, Is.EqualTo(Limit));
        Assert.That(script.DropCount(TfDrop.IcmpLimit), Is.EqualTo(9 * Limit));
        // RFC 9293 3.8.4: probes before the window, without and with a byte.
        script.Send(Tcp.Ack(ack: 1, seq: 0));
        script.Expect(Tcp.Ack(ack: 1, seq: 1));
        script.Send(Tcp.Data(1, seq: 0, ack: 1));
        script.Expect(Tcp.Ack(ack: 1, seq: 1));
        script.ExpectNoEvent(TfEventFlags.Closed);
        script.Send(Tcp.Data(10, seq: 1));
        script.Expect(Tcp.Ack(ack: 11));
        script.Read(10);
    }

    /// <summary>lwIP answers each ACK while its window is closed; two such ends would do so for ever.</summary>
    [Test]
    public void Answers_of_a_closed_window_are_limited()
    {
        using PacketScript script = NewScript((ref TfConfig c) =>
        {
            c.IcmpPerSecond = Limit;
            c.ReceiveWindow = 16 * 1024;
        });
        script.Open();
        while (script.Main.RightEdge != script.Main.NextToSend)
        {
            script.Send(Tcp.Data(1024));
            script.Advance(0.3);
            script.TakeAll();
        }

        int answers = 0;
        for (int i = 0; i < 10 * Limit; i++)
        {
            script.Send(Tcp.Ack());
            answers += script.TakeAll().Count;
        }

        Assert.That(answers, Is.LessThanOrEqualTo(Limit));
        // The window opens as ever.
        script.Read(16 * 1024);
        script.Expect(Tcp.Ack(), Fields.Window.Is(16 * 1024));
    }

    /// <summary>RFC 9293 3.10.7.1 and 3.10.7.2: what belongs to no connection is answered by a RST that the sender believes.</summary>
    [Test]
    public void Segment_of_no_connection_gets_a_reset_with_its_own_number()
    {
        using PacketScript script = NewScript();
        script.Send(Tcp.Data(10, seq: 500, ack: 777));
        script.Expect(Tcp.Rst(seq: 777));
        script.Send(Tcp.Rst(seq: 500));
        script.ExpectNothing();
        Assert.That(script.Statistics.Flows, Is.Zero);
    }

    /// <summary>A refused SYN: &lt;SEQ=0&gt;&lt;ACK=SEG.SEQ+SEG.LEN&gt;&lt;CTL=RST,ACK&gt;, whatever stands in its field of ACK.</summary>
    [Test]
    public void Refused_syn_gets_a_reset_with_number_0([Values(0u, 777u)] uint field)
    {
        using PacketScript script = NewScript();
        script.Send(Tcp.Syn(seq: 0) with { Acknowledgment = field });
        script.ExpectEvent(TfEventFlags.Connect);
        script.Refuse(TfRefusal.Reset);
        script.Expect(Tcp.RstAck(seq: 0, ack: 1));
    }
}
