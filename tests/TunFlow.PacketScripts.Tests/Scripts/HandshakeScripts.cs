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
}
