using System.Net;

namespace TunFlow.Network;

/// <summary>A TCP server, reached with the system's sockets.</summary>
/// <remarks>Immutable; any number of threads may connect at a time. Dials as <see cref="TcpDialer"/> does by default; for one with other options see <see cref="StreamEndpoint.FromDialer"/>.</remarks>
public sealed class TcpEndpoint : IStreamEndpoint
{
    private readonly TcpDialer _dialer;

    /// <summary>Creates an endpoint. Nothing is resolved or connected yet.</summary>
    /// <param name="remote">The server: an <see cref="IPEndPoint"/>, or a <see cref="DnsEndPoint"/> that is resolved by the system for each connection. <see cref="EndPoints"/> reads them from text.</param>
    /// <param name="configurator">Prepares each socket before it is connected; null for the system's own choice of the way out.</param>
    /// <exception cref="ArgumentException"><paramref name="remote"/> is of another type.</exception>
    public TcpEndpoint(EndPoint remote, SocketConfigurator? configurator = null)
    {
        RemoteEndPoint = SocketEndPoints.RequireHostAndPort(remote);
        _dialer = new TcpDialer(configurator);
    }

    /// <summary>The server.</summary>
    public EndPoint RemoteEndPoint { get; }

    /// <inheritdoc/>
    public ValueTask<StreamConnection> ConnectStreamAsync(CancellationToken cancellationToken = default) => _dialer.DialStreamAsync(RemoteEndPoint, cancellationToken);
}
