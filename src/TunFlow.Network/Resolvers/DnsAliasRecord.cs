namespace TunFlow.Network.Resolvers;

/// <summary>A CNAME record.</summary>
public sealed class DnsAliasRecord : DnsRecord
{
    /// <summary>Creates a record.</summary>
    /// <param name="name">The alias, in the form of <see cref="DnsQuestion.Name"/>.</param>
    /// <param name="canonicalName">What it is an alias of.</param>
    /// <param name="timeToLive">How long the record may be kept.</param>
    /// <exception cref="ArgumentException"><paramref name="canonicalName"/> is not a domain name.</exception>
    public DnsAliasRecord(string name, string canonicalName, TimeSpan timeToLive)
        : this(name, DnsRecordClass.Internet, timeToLive, new DnsQuestion(canonicalName, DnsRecordType.Cname).WireName)
    {
    }

    internal DnsAliasRecord(string name, DnsRecordClass @class, TimeSpan timeToLive, byte[] data)
        : base(name, DnsRecordType.Cname, @class, timeToLive, data)
    {
        CanonicalName = DnsName.Format(data);
    }

    /// <summary>The name that <see cref="DnsRecord.Name"/> is an alias of.</summary>
    public string CanonicalName { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{base.ToString()} {CanonicalName}";
}
