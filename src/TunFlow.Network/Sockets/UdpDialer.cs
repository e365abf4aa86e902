using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>Opens connected UDP sockets of the system.</summary>
/// <remarks>
/// <para>Immutable; any number of threads may dial at a time. A <see cref="DnsEndPoint"/> is resolved by the system, and the first of its addresses that there is a route to is taken. The configurator doesn't
/// reach the system's resolver: a VPN client dials addresses, or resolves by itself.</para>
/// <para>An ICMP port unreachable fails the next call on the socket, a send or a receive, with <see cref="NetworkError.PortUnreachable"/>, and the socket
/// stays usable.</para>
/// </remarks>
/// <param name="configurator">Prepares each socket before it is connected; null for the system's own choice of the way out.</param>
public sealed class UdpDialer(SocketConfigurator? configurator = null) : IPacketDialer
{
    /// <inheritdoc/>
    /// <exception cref="ArgumentException"><paramref name="remote"/> is of another type.</exception>
    /// <exception cref="NetworkException">The socket could not be opened; <see cref="NetworkError.AddressNotAvailable"/> if <paramref name="remote"/> is the unspecified address or its port is 0.</exception>
    public ValueTask<IConnectedPacketConnection> DialPacketAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(remote);
        return remote switch
        {
            IPEndPoint address => cancellationToken.IsCancellationRequested
                ? ValueTask.FromCanceled<IConnectedPacketConnection>(cancellationToken)
                : ValueTask.FromResult<IConnectedPacketConnection>(Connect(address)),
            DnsEndPoint name => ConnectAsync(name, cancellationToken),
            _ => throw SocketEndPoints.Unsupported(remote),
        };
    }

    private async ValueTask<IConnectedPacketConnection> ConnectAsync(DnsEndPoint name, CancellationToken cancellationToken)
    {
        IPAddress[] addresses = await SocketEndPoints.ResolveAsync(name, cancellationToken).ConfigureAwait(false);
        NetworkException? first = null;
        foreach (IPAddress address in addresses)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                return Connect(new IPEndPoint(address, name.Port));
            }
            catch (NetworkException exception)
            {
                first ??= exception;
            }
        }

        // The first address is the one the system prefers: its error says more than that of a last resort.
        throw first!;
    }

    private SocketConnectedPacketConnection Connect(IPEndPoint remote)
    {
        remote = SocketEndPoints.Unmap(remote);
        SocketEndPoints.ThrowIfNobody(remote);
        Socket? socket = null;
        try
        {
            socket = new Socket(remote.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            configurator?.Invoke(socket, remote);

            // Sends nothing, so it doesn't wait: it picks the route and the local address.
            socket.Connect(remote);
            return new SocketConnectedPacketConnection(socket, remote);
        }
        catch (Exception exception)
        {
            socket?.Dispose();

            // A kernel without the address family has no way to any address of it.
            NetworkError error = exception is SocketException { SocketErrorCode: SocketError.AddressFamilyNotSupported }
                ? NetworkError.NetworkUnreachable
                : NetworkErrors.Classify(exception);
            throw new NetworkException(error, $"A UDP socket to {remote} could not be opened: {exception.Message}", exception);
        }
    }
}
