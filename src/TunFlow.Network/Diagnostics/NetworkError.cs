namespace TunFlow.Network;

/// <summary>What went wrong, independent of the platform.</summary>
public enum NetworkError
{
    /// <summary>None of the others.</summary>
    Unknown = 0,

    /// <summary>The object was closed by something other than its owner: idle expiry, its device, its peer.</summary>
    Closed = 1,

    /// <summary>The packet or datagram is larger than what carries it.</summary>
    MessageTooLarge = 2,

    /// <summary>The remote host has nobody at that UDP port (ICMP port unreachable).</summary>
    PortUnreachable = 3,

    /// <summary>The remote host refused the connection.</summary>
    ConnectionRefused = 4,

    /// <summary>No way to the remote host (ICMP host unreachable, no neighbour).</summary>
    HostUnreachable = 5,

    /// <summary>No route to the remote network.</summary>
    NetworkUnreachable = 6,

    /// <summary>The peer did not answer in time.</summary>
    TimedOut = 7,

    /// <summary>The peer reset the connection.</summary>
    ConnectionReset = 8,

    /// <summary>The connection was ended by this side: aborted locally, or writes were already completed.</summary>
    ConnectionAborted = 9,

    /// <summary>The system's policy forbids it: rights, firewall.</summary>
    AccessDenied = 10,

    /// <summary>The local address is taken.</summary>
    AddressInUse = 11,

    /// <summary>The local address doesn't exist here, or the remote one can't be reached from this kind of socket.</summary>
    AddressNotAvailable = 12,

    /// <summary>The host name has no address.</summary>
    NameNotResolved = 13,

    /// <summary>The system, or a limit of this library, has no room: descriptors, buffers, ports, memory.</summary>
    ResourceExhausted = 14,

    /// <summary>The operation or address family doesn't exist here.</summary>
    NotSupported = 15,

    /// <summary>The peer broke the protocol.</summary>
    ProtocolViolation = 16,
}
