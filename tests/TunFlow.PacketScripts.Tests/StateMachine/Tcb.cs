namespace TunFlow.PacketScripts.StateMachine;

/// <summary>The variables of RFC 9293 3.3.1 as a peer knows them, relative to both SYNs.</summary>
internal sealed record Tcb(TcpState State)
{
    public uint SndUna { get; init; }

    public uint SndNxt { get; init; }

    /// <summary>RFC 5961 5.2: the largest window that the peer ever offered.</summary>
    public uint MaxSndWnd { get; init; }

    public uint RcvNxt { get; init; }

    public uint RcvWnd { get; init; }

    /// <summary>Whether something is in flight.</summary>
    public bool HasFlight => SndUna != SndNxt;
}
