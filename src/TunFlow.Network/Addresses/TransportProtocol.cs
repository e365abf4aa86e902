namespace TunFlow.Network;

/// <summary>Which transport an address is for: a named port may have one number for TCP and another, or none, for UDP.</summary>
public enum TransportProtocol
{
    /// <summary>TCP.</summary>
    Tcp = 0,

    /// <summary>UDP.</summary>
    Udp = 1,
}
