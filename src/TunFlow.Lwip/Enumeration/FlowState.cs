namespace TunFlow.Lwip;

/// <summary>How far a flow has come.</summary>
public enum FlowState
{
    /// <summary>The policy is being asked, or the upstream dialled or opened.</summary>
    Opening = 0,

    /// <summary>Bytes, or datagrams, go both ways.</summary>
    Open = 1,

    /// <summary>One direction of a TCP flow has ended.</summary>
    HalfClosed = 2,

    /// <summary>The flow is over; its last bytes are on their way, or its upstream is being closed.</summary>
    Closing = 3,
}
