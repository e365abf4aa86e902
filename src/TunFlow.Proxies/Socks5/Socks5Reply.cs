namespace TunFlow.Proxies;

/// <summary>What a SOCKS5 server answers to a request (RFC 1928, section 6). A server may send other values, which have no names here.</summary>
public enum Socks5Reply
{
    /// <summary>The request was granted.</summary>
    Succeeded = 0,

    /// <summary>The server failed, and says no more.</summary>
    GeneralFailure = 1,

    /// <summary>The server's rules forbid the connection.</summary>
    NotAllowed = 2,

    /// <summary>The server has no route to the destination's network.</summary>
    NetworkUnreachable = 3,

    /// <summary>The server can't reach the destination.</summary>
    HostUnreachable = 4,

    /// <summary>The destination refused the connection.</summary>
    ConnectionRefused = 5,

    /// <summary>The destination did not answer: by the RFC the TTL of a packet expired; servers send it for their connects that time out.</summary>
    TtlExpired = 6,

    /// <summary>The server doesn't do this: many have no UDP.</summary>
    CommandNotSupported = 7,

    /// <summary>The server doesn't take addresses of this kind: IPv6, or names.</summary>
    AddressTypeNotSupported = 8,
}
