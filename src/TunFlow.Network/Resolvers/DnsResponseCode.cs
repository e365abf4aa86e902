using System.Diagnostics.CodeAnalysis;

namespace TunFlow.Network.Resolvers;

/// <summary>What a server says of a query (IANA, "DNS RCODEs"), the upper bits from EDNS included.</summary>
[SuppressMessage("Design", "CA1027", Justification = "Numbers, not bits.")]
public enum DnsResponseCode : ushort
{
    /// <summary>Success, also if there is no record of the type asked for.</summary>
    NoError = 0,

    /// <summary>The server did not understand the query.</summary>
    FormatError = 1,

    /// <summary>The server failed; another one may not.</summary>
    ServerFailure = 2,

    /// <summary>The name doesn't exist.</summary>
    NameError = 3,

    /// <summary>The server doesn't know this kind of query.</summary>
    NotImplemented = 4,

    /// <summary>The server doesn't want to answer.</summary>
    Refused = 5,

    /// <summary>A name exists that must not (RFC 2136).</summary>
    NameExists = 6,

    /// <summary>Records exist that must not (RFC 2136).</summary>
    RecordsExist = 7,

    /// <summary>Records that must exist don't (RFC 2136).</summary>
    RecordsMissing = 8,

    /// <summary>The server is not responsible for the zone, or does not accept the authentication (RFC 2136, RFC 8945).</summary>
    NotAuthoritative = 9,

    /// <summary>A name is not in the zone (RFC 2136).</summary>
    NotInZone = 10,

    /// <summary>The server doesn't know this version of EDNS (RFC 6891).</summary>
    BadVersion = 16,
}
