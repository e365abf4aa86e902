namespace TunFlow.PacketScripts.StateMachine;

public enum SegmentKind
{
    /// <summary>No payload and neither SYN, FIN nor RST.</summary>
    Bare,
    Data,
    Fin,
    DataFin,
    Syn,
    Rst,
}
