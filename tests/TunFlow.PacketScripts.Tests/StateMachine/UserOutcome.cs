using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.StateMachine;

/// <summary>What a call answered, sent and changed.</summary>
internal sealed record UserOutcome(string Result, string Packets, TcpState? To)
{
    public const string Ok = "ok";

    public static string Of(TfStatus status) => status == TfStatus.Ok ? Ok : "error";

    public static string Name(ReceivedPacket packet, Tcb before)
    {
        if (packet.Parsed.Payload.Length > 0)
            return "data";
        Reply reply = new(packet.Parsed.Flags & ~TcpFlags.Psh, packet.Seq, packet.Ack);
        string seq = reply.Seq == before.SndNxt ? "" : $" at {reply.Seq}";
        return string.Join('+', new[] { TcpFlags.Syn, TcpFlags.Rst, TcpFlags.Fin, TcpFlags.Ack }
            .Where(f => (reply.Flags & f) != 0).Select(f => f.ToString().ToUpperInvariant())) + seq;
    }

    public override string ToString() =>
        string.Join("; ", new[] { Result, Packets, To is { } state ? "to " + StateNames.Of(state) : "" }.Where(p => p.Length > 0));
}
