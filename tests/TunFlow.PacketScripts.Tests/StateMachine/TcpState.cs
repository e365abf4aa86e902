namespace TunFlow.PacketScripts.StateMachine;

/// <summary>The states of RFC 9293 3.3.2 that a passive opener can be in, and one of our own.</summary>
public enum TcpState
{
    /// <summary>No flow: every endpoint listens.</summary>
    Listen,

    /// <summary>The SYN is stored, the dial has not been decided. Nothing was sent.</summary>
    Pending,
    SynReceived,
    Established,

    /// <summary>ESTABLISHED with a full receive buffer.</summary>
    ZeroWindow,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,

    /// <summary>Ended; the caller still holds the id.</summary>
    Closed,
}
