using System.Net;

namespace TunFlow.Network;

/// <summary>Opens byte-stream connections, directly or through a proxy.</summary>
/// <remarks>Implementations allow concurrent calls.</remarks>
public interface IStreamDialer
{
    /// <summary>Connects to an endpoint.</summary>
    /// <param name="remote">An <see cref="IPEndPoint"/>, or a <see cref="DnsEndPoint"/> whose name the dialer, or the proxy behind it, resolves.</param>
    /// <param name="cancellationToken">Gives up dialling and frees what was opened for it.</param>
    /// <returns>The connection, owned by the caller.</returns>
    /// <exception cref="NetworkException">The connection was not made; <see cref="NetworkException.Error"/> says why.</exception>
    /// <exception cref="ArgumentException"><paramref name="remote"/> is an endpoint of another kind.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default);
}
