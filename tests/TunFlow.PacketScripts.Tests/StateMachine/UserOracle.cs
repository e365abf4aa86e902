namespace TunFlow.PacketScripts.StateMachine;

/// <summary>RFC 9293 3.10.1 to 3.10.6. An answer "connection closing" of RECEIVE is the end of the stream.</summary>
internal static class UserOracle
{
    private static readonly UserOutcome Error = new("error", "", null);
    private static readonly UserOutcome Nothing = new("nothing yet", "", null);
    private static readonly UserOutcome Done = new(UserOutcome.Ok, "", null);

    public static IReadOnlyList<UserOutcome> Permitted(UserCall call, TcpState state) => call switch
    {
        UserCall.Open => [state == TcpState.Pending ? new UserOutcome(UserOutcome.Ok, "SYN+ACK", TcpState.SynReceived) : Error],
        UserCall.Send => Send(state),
        UserCall.Receive => [Receive(state)],
        UserCall.Close => Close(state),
        UserCall.Abort => [Abort(state)],
        _ => [state == TcpState.Closed ? Error : Done],
    };

    private static UserOutcome[] Send(TcpState state) => state switch
    {
        // "Queue the data for transmission after entering ESTABLISHED state."
        TcpState.Pending or TcpState.SynReceived => [Done],
        TcpState.Established or TcpState.ZeroWindow or TcpState.CloseWait => [new UserOutcome(UserOutcome.Ok, "data", null)],
        _ => [Error],
    };

    private static UserOutcome Receive(TcpState state) => state switch
    {
        TcpState.Closed => Error,
        TcpState.CloseWait or TcpState.Closing or TcpState.LastAck or TcpState.TimeWait => new UserOutcome("end", "", null),
        TcpState.ZeroWindow => new UserOutcome("text", "", null),
        _ => Nothing,
    };

    private static UserOutcome[] Close(TcpState state) => state switch
    {
        // LISTEN: "delete TCB, enter CLOSED state".
        TcpState.Pending => [new UserOutcome(UserOutcome.Ok, "", TcpState.Closed)],
        TcpState.SynReceived or TcpState.Established or TcpState.ZeroWindow =>
            [new UserOutcome(UserOutcome.Ok, "FIN+ACK", TcpState.FinWait1)],
        // "An 'ok' response would be acceptable, too, as long as a second FIN is not emitted."
        TcpState.FinWait1 or TcpState.FinWait2 => [Error, Done],
        TcpState.CloseWait => [new UserOutcome(UserOutcome.Ok, "FIN+ACK", TcpState.LastAck)],
        _ => [Error],
    };

    private static UserOutcome Abort(TcpState state) => state switch
    {
        TcpState.Closed => Error,
        // Then the SYN that waits comes to CLOSED: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>.
        TcpState.Pending => new UserOutcome(UserOutcome.Ok, "RST+ACK", TcpState.Closed),
        TcpState.Closing or TcpState.LastAck or TcpState.TimeWait => new UserOutcome(UserOutcome.Ok, "", TcpState.Closed),
        // <SEQ=SND.NXT><CTL=RST>
        _ => new UserOutcome(UserOutcome.Ok, "RST", TcpState.Closed),
    };
}
