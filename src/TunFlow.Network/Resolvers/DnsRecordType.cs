namespace TunFlow.Network.Resolvers;

/// <summary>Types of records (IANA, "Resource Record TYPEs"). Any other value is as good: cast it.</summary>
public enum DnsRecordType : ushort
{
    /// <summary>No type; never in a message.</summary>
    None = 0,

    /// <summary>IPv4 address (RFC 1035).</summary>
    A = 1,

    /// <summary>Name server (RFC 1035).</summary>
    NS = 2,

    /// <summary>The name is an alias (RFC 1035).</summary>
    Cname = 5,

    /// <summary>Start of a zone (RFC 1035).</summary>
    Soa = 6,

    /// <summary>Pointer to a name, for reverse lookups (RFC 1035).</summary>
    Ptr = 12,

    /// <summary>Mail server (RFC 1035).</summary>
    MX = 15,

    /// <summary>Text (RFC 1035).</summary>
    Txt = 16,

    /// <summary>IPv6 address (RFC 3596).</summary>
    Aaaa = 28,

    /// <summary>Server of a service (RFC 2782).</summary>
    Srv = 33,

    /// <summary>Alias of a whole subtree (RFC 6672).</summary>
    Dname = 39,

    /// <summary>EDNS; part of the protocol, not of the data (RFC 6891).</summary>
    Opt = 41,

    /// <summary>Service binding (RFC 9460).</summary>
    Svcb = 64,

    /// <summary>Service binding of HTTPS (RFC 9460).</summary>
    Https = 65,

    /// <summary>Everything the server cares to tell (RFC 8482).</summary>
    Any = 255,
}
