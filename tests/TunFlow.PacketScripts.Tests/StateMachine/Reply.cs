namespace TunFlow.PacketScripts.StateMachine;

/// <summary>A segment that answers, relative to both SYNs.</summary>
internal readonly record struct Reply(TcpFlags Flags, uint Seq, uint Ack)
{
    public string Describe(Tcb before, Arrival arrival, uint receiveNext)
    {
        List<string> parts = [Name(Flags)];
        if (Flags != TcpFlags.Ack || Seq != before.SndNxt)
            parts.Add("seq=" + SequenceText(before, arrival));
        if ((Flags & TcpFlags.Ack) != 0 && (Flags != TcpFlags.Ack || Ack != receiveNext))
            parts.Add("ack=" + AckText(before, arrival, receiveNext));
        return string.Join(' ', parts);
    }

    private static string Name(TcpFlags flags) => string.Join('+', new[] { TcpFlags.Syn, TcpFlags.Rst, TcpFlags.Fin, TcpFlags.Ack }
        .Where(f => (flags & f) != 0).Select(f => f.ToString().ToUpperInvariant()));

    private string SequenceText(Tcb before, Arrival arrival) => Seq switch
    {
        _ when Seq == arrival.Ack => "SEG.ACK",
        _ when Seq == before.SndNxt => "SND.NXT",
        _ when Seq == before.SndUna => "SND.UNA",
        _ => Seq.ToString(),
    };

    private string AckText(Tcb before, Arrival arrival, uint receiveNext) => Ack switch
    {
        _ when Ack == arrival.Seq + arrival.Span => "SEG.SEQ+SEG.LEN",
        _ when Ack == receiveNext => "RCV.NXT",
        _ when Ack == before.RcvNxt => "the old RCV.NXT",
        _ => Ack.ToString(),
    };
}
