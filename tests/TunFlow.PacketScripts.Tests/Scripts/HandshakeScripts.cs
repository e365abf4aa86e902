using TunFlow.Interop;
using TunFlow.PacketScripts.Language;
using static TunFlow.PacketScripts.Language.Fields;

namespace TunFlow.PacketScripts.Scripts;

public sealed class HandshakeScripts : ScriptFixture
{
    public HandshakeScripts(IPVersion version)
        : base(version)
    {
    }

    [Test]
    public void Syn_ack_offers_the_mss_of_the_mtu_and_only_the_options_that_were_asked_for()
    {
        using PacketScript script = NewScript();
        script.Send(Tcp.Syn(seq: 0).Window(1000).Mss(536));
        script.ExpectNothing();
        script.Accept();
        script.Expect(
            Tcp.SynAck(seq: 0, ack: 1), Window.Is(65535), Mss.Is(script.MssOf(1500)), WindowScale.IsAbsent(), !SackPermitted, HopLimit.Is(64));
        script.ExpectNothing();
        script.Send(Tcp.Ack(ack: 1));
        script.ExpectEvent(TfEventFlags.Open);
        script.ExpectNothing(seconds: 60);
    }

    /// <summary>RFC 9293 3.7.1: without the option 536 bytes for IPv4, 1220 for IPv6 (MUST-15).</summary>
    [Test]
    public void Syn_without_an_mss_gets_the_smallest_that_everybody_takes()
    {
        using PacketScript script = NewScript();
        script.Open(syn => syn.SackPermitted());
        int mss = Version == IPVersion.V4 ? 536 : 1220;
        script.Write(mss + 1);
        script.Expect(Tcp.Data(mss, seq: 1));
        script.Expect(Tcp.Data(1, seq: 1 + (uint)mss));
        script.Send(Tcp.Ack());
    }

    /// <summary>The smaller of both sides' counts, never more than the MTU allows (MUST-16).</summary>
    [TestCase(600)]
    [TestCase(1400)]
    [TestCase(9000)]
    public void Segments_are_as_large_as_both_sides_take(int offered)
    {
        using PacketScript script = NewScript();
        script.Open(syn => syn.Mss(offered));
        int mss = Math.Min(offered, script.MssOf(1500));
        script.Write(mss + 1);
        script.Expect(Tcp.Data(mss, seq: 1), TotalLength.AtMost(1500));
        script.Expect(Tcp.Data(1, seq: 1 + (uint)mss));
        script.Send(Tcp.Ack());
    }

    /// <summary>An application that forgot its first attempt, and tries again with another number, is not left to wait.</summary>
    [Test]
    [AcceptanceRow(15)]
    public void New_syn_during_the_handshake_opens_after_the_old_one_is_reset()
    {
        using PacketScript script = NewScript();
        script.Send(Tcp.Syn(seq: 0));
        script.Accept();
        script.Expect(Tcp.SynAck(seq: 0, ack: 1));
        // Its numbers begin anew, far from the old ones: RFC 5961 4 asks for proof.
        script.Send(Tcp.Syn(seq: 0x5000_0000));
        script.Expect(Tcp.Ack(seq: 1, ack: 1));
        // RFC 9293 3.10.7.3: an ACK that SYN-SENT cannot use is answered by RST with its number.
        script.Send(Tcp.Rst(seq: 1));
        script.ExpectClosed(TfStatus.EReset);
        Conversation again = script.NewConversation(script.Main.Application.Port);
        again.ApplicationInitial = script.Main.ApplicationInitial + 0x5000_0000;
        script.Open(of: again);
    }
}
