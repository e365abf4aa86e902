using System.Net;

namespace TunFlow.Network.Resolvers;

/// <summary>Ports of name servers.</summary>
internal static class ServerEndPoint
{
    public const int DnsPort = 53;
    public const int TlsPort = 853;
    public const int HttpsPort = 443;

    /// <summary>Replaces port 0, as in what <see cref="IPEndPoint.Parse(string)"/> makes of a bare address, by the default.</summary>
    public static EndPoint WithPort(EndPoint server, int defaultPort)
    {
        ArgumentNullException.ThrowIfNull(server);
        return server switch
        {
            IPEndPoint { Port: 0 } address => new IPEndPoint(address.Address, defaultPort),
            DnsEndPoint { Port: 0 } name => new DnsEndPoint(name.Host, defaultPort, name.AddressFamily),
            _ => server,
        };
    }

    public static string Describe(EndPoint server) => server is DnsEndPoint name ? $"{name.Host}:{name.Port}" : server.ToString() ?? "";
}
