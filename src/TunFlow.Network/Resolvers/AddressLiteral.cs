using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network.Resolvers;

/// <summary>Addresses written where a host name may be.</summary>
internal static class AddressLiteral
{
    /// <summary>Reads an address in its usual form. What only old parsers take for one ("1", "0x7f.1", "010.0.0.1") is a name.</summary>
    public static IPAddress? TryRead(string host) =>
        IPAddress.TryParse(host, out IPAddress? address) && (address.AddressFamily == AddressFamily.InterNetworkV6 || address.ToString() == host) ? address : null;
}
