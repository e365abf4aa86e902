using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.StateMachine;

/// <summary>A segment that arrives, with the names of its places.</summary>
internal sealed record Arrival(SegmentKind Kind, string SequenceName, uint Seq, string AckName, uint? Ack)
{
    public const int DataLength = 10;

    public int Length => Kind is SegmentKind.Data or SegmentKind.DataFin ? DataLength : 0;

    public bool IsFin => Kind is SegmentKind.Fin or SegmentKind.DataFin;

    /// <summary>SEG.LEN: the space among the sequence numbers.</summary>
    public uint Span => (uint)Length + (IsFin || Kind == SegmentKind.Syn ? 1u : 0u);

    public TcpTemplate Template
    {
        get
        {
            TcpFlags flags = Kind switch
            {
                SegmentKind.Syn => TcpFlags.Syn,
                SegmentKind.Rst => TcpFlags.Rst,
                SegmentKind.Fin or SegmentKind.DataFin => TcpFlags.Fin,
                _ => TcpFlags.None,
            };
            return new TcpTemplate(Ack is null ? flags : flags | TcpFlags.Ack)
            {
                SequenceNumber = Seq,
                Acknowledgment = Ack,
                Length = Length,
            };
        }
    }
}
