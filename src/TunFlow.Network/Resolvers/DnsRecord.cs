namespace TunFlow.Network.Resolvers;

/// <summary>A resource record.</summary>
public class DnsRecord
{
    /// <summary>Creates a record.</summary>
    /// <param name="name">Whom it is about, in the form of <see cref="DnsQuestion.Name"/>.</param>
    /// <param name="type">What <paramref name="data"/> is.</param>
    /// <param name="class">The class.</param>
    /// <param name="timeToLive">How long the record may be kept.</param>
    /// <param name="data">The data without compression; not copied.</param>
    public DnsRecord(string name, DnsRecordType type, DnsRecordClass @class, TimeSpan timeToLive, ReadOnlyMemory<byte> data)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
        Type = type;
        Class = @class;
        TimeToLive = timeToLive;
        Data = data;
    }

    /// <summary>Whom the record is about, in the form of <see cref="DnsQuestion.Name"/>.</summary>
    public string Name { get; }

    /// <summary>What <see cref="Data"/> is.</summary>
    public DnsRecordType Type { get; }

    /// <summary>The class.</summary>
    public DnsRecordClass Class { get; }

    /// <summary>How long the record may be kept, in whole seconds.</summary>
    public TimeSpan TimeToLive { get; }

    /// <summary>The record's data as in the message, but without compression: names within NS, CNAME, SOA, PTR, MX and SRV records are written out (RFC 3597 section 4).</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>"name type", for logs and messages.</summary>
    public override string ToString() => $"{Name} {Type}";
}
