using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>What the dialers over the system's sockets do with the endpoints they are given.</summary>
internal static class SocketEndPoints
{
    public static EndPoint RequireHostAndPort(EndPoint remote)
    {
        ArgumentNullException.ThrowIfNull(remote);
        return remote is IPEndPoint or DnsEndPoint ? remote : throw Unsupported(remote);
    }

    public static ArgumentException Unsupported(EndPoint remote) =>
        new($"A {remote.GetType().Name} can't be dialled: it must be an IPEndPoint or a DnsEndPoint.", nameof(remote));

    /// <summary>The same peer without the IPv4-mapped form.</summary>
    public static IPEndPoint Unmap(IPEndPoint remote) =>
        remote.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(remote.Address.MapToIPv4(), remote.Port) : remote;

    /// <summary>The endpoints of a name, as the system resolves it, in the system's order (RFC 6724). Never none.</summary>
    public static async ValueTask<IPAddress[]> ResolveAsync(DnsEndPoint name, CancellationToken cancellationToken)
    {
        IPAddress[] addresses;
        try
        {
            addresses = await Dns.GetHostAddressesAsync(name.Host, name.AddressFamily, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            throw new NetworkException(NetworkError.NameNotResolved, $"{name.Host} could not be resolved: {exception.Message}", exception);
        }

        return addresses.Length > 0 ? addresses : throw new NetworkException(NetworkError.NameNotResolved, $"{name.Host} has no address.");
    }

    /// <summary>Refuses what nobody can be: datagrams to it would go nowhere, on some systems without any error.</summary>
    public static void ThrowIfNobody(IPEndPoint remote)
    {
        if (remote.Port == 0 || remote.Address.Equals(IPAddress.Any) || remote.Address.Equals(IPAddress.IPv6Any))
        {
            throw new NetworkException(NetworkError.AddressNotAvailable, $"{remote} is not the address of a peer.");
        }
    }
}
