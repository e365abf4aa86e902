namespace TunFlow.Lwip;

/// <summary>What becomes of the flows that an earlier dialer, or packet proxy, opened when another takes its place.</summary>
public enum ExistingFlows
{
    /// <summary>They go on where they are until they end by themselves.</summary>
    Keep = 0,

    /// <summary>TCP flows are reset and pending dials repeated with the new dialer. UDP sessions stay, and their next datagram opens a session of the new proxy.</summary>
    Reset = 1,
}
