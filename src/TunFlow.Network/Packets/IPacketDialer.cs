using System.Net;

namespace TunFlow.Network;

/// <summary>Opens connected datagram sockets, directly or through a proxy.</summary>
/// <remarks>For what talks to one peer, a resolver for instance; one that talks to many takes an <see cref="IPacketListener"/>. Implementations allow concurrent calls.</remarks>
public interface IPacketDialer
{
    /// <summary>Opens a datagram socket that talks to one peer.</summary>
    /// <param name="remote">An <see cref="IPEndPoint"/>, or a <see cref="DnsEndPoint"/> whose name the dialer, or the proxy behind it, resolves.</param>
    /// <param name="cancellationToken">Gives up opening and frees what was opened for it.</param>
    /// <returns>The socket, owned by the caller.</returns>
    /// <exception cref="NetworkException">The socket could not be opened; <see cref="NetworkException.Error"/> says why.</exception>
    /// <exception cref="ArgumentException"><paramref name="remote"/> is an endpoint of another kind.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<IConnectedPacketConnection> DialPacketAsync(EndPoint remote, CancellationToken cancellationToken = default);
}
