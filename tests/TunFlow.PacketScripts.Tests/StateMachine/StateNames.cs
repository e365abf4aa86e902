namespace TunFlow.PacketScripts.StateMachine;

/// <summary>States as the RFC writes them.</summary>
internal static class StateNames
{
    private static readonly Dictionary<TcpState, string> Names = new()
    {
        [TcpState.Listen] = "LISTEN",
        [TcpState.Pending] = "PENDING",
        [TcpState.SynReceived] = "SYN-RECEIVED",
        [TcpState.Established] = "ESTABLISHED",
        [TcpState.ZeroWindow] = "ZERO-WINDOW",
        [TcpState.FinWait1] = "FIN-WAIT-1",
        [TcpState.FinWait2] = "FIN-WAIT-2",
        [TcpState.CloseWait] = "CLOSE-WAIT",
        [TcpState.Closing] = "CLOSING",
        [TcpState.LastAck] = "LAST-ACK",
        [TcpState.TimeWait] = "TIME-WAIT",
        [TcpState.Closed] = "CLOSED",
    };

    public static string Of(TcpState state) => Names[state];

    public static string Of(SegmentKind kind) => kind switch
    {
        SegmentKind.Bare => "bare",
        SegmentKind.Data => "data",
        SegmentKind.Fin => "FIN",
        SegmentKind.DataFin => "data+FIN",
        SegmentKind.Syn => "SYN",
        _ => "RST",
    };

    /// <summary>Whether the peer's FIN has been received.</summary>
    public static bool HasEnded(TcpState state) =>
        state is TcpState.CloseWait or TcpState.Closing or TcpState.LastAck or TcpState.TimeWait;

    /// <summary>Whether the state has numbers: a connection exists.</summary>
    public static bool HasNumbers(TcpState state) =>
        state is not (TcpState.Listen or TcpState.Pending or TcpState.TimeWait or TcpState.Closed);
}
