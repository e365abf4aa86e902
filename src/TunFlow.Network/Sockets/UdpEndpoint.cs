using System.Net;

namespace TunFlow.Network;

/// <summary>A UDP server, reached with the system's sockets.</summary>
/// <remarks>Immutable; any number of threads may connect at a time. Dials as <see cref="UdpDialer"/> does; for other ways see <see cref="PacketEndpoint.FromDialer"/>.</remarks>
public sealed class UdpEndpoint : IPacketEndpoint
{
    private readonly UdpDialer _dialer;

    /// <summary>Creates an endpoint. Nothing is resolved or opened yet.</summary>
    /// <param name="remote">The server: an <see cref="IPEndPoint"/>, or a <see cref="DnsEndPoint"/> that is resolved by the system for each socket. <see cref="EndPoints"/> reads them from text.</param>
    /// <param name="configurator">Prepares each socket before it is connected; null for the system's own choice of the way out.</param>
    /// <exception cref="ArgumentException"><paramref name="remote"/> is of another type.</exception>
    public UdpEndpoint(EndPoint remote, SocketConfigurator? configurator = null)
    {
        RemoteEndPoint = SocketEndPoints.RequireHostAndPort(remote);
        _dialer = new UdpDialer(configurator);
    }

    /// <summary>The server.</summary>
    public EndPoint RemoteEndPoint { get; }

    /// <inheritdoc/>
    public ValueTask<IConnectedPacketConnection> ConnectPacketAsync(CancellationToken cancellationToken = default) => _dialer.DialPacketAsync(RemoteEndPoint, cancellationToken);
}
