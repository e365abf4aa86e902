using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network.Resolvers;

/// <summary>An A or AAAA record.</summary>
public sealed class DnsAddressRecord : DnsRecord
{
    /// <summary>Creates a record; its type is that of the address's family.</summary>
    /// <param name="name">Whose address it is, in the form of <see cref="DnsQuestion.Name"/>.</param>
    /// <param name="address">The address.</param>
    /// <param name="timeToLive">How long the record may be kept.</param>
    public DnsAddressRecord(string name, IPAddress address, TimeSpan timeToLive)
        : base(name, TypeOf(address), DnsRecordClass.Internet, timeToLive, address.GetAddressBytes())
    {
        Address = address;
    }

    /// <summary>The address.</summary>
    public IPAddress Address { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{base.ToString()} {Address}";

    private static DnsRecordType TypeOf(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.AddressFamily == AddressFamily.InterNetworkV6 ? DnsRecordType.Aaaa : DnsRecordType.A;
    }
}
