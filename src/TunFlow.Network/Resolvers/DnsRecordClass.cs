namespace TunFlow.Network.Resolvers;

/// <summary>Classes of records (IANA, "DNS CLASSes").</summary>
public enum DnsRecordClass : ushort
{
    /// <summary>No class; never in a message.</summary>
    None = 0,

    /// <summary>The Internet.</summary>
    Internet = 1,

    /// <summary>Chaosnet; today servers tell their name and version there.</summary>
    Chaos = 3,

    /// <summary>Hesiod.</summary>
    Hesiod = 4,

    /// <summary>Any class.</summary>
    Any = 255,
}
