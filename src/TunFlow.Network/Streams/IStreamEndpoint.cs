namespace TunFlow.Network;

/// <summary>A fixed destination of byte-stream connections: a proxy server, a resolver, anything that is always dialled at the same place.</summary>
/// <remarks>Implementations allow concurrent calls.</remarks>
public interface IStreamEndpoint
{
    /// <summary>Connects to the destination.</summary>
    /// <param name="cancellationToken">Gives up connecting and frees what was opened for it.</param>
    /// <returns>The connection, owned by the caller.</returns>
    /// <exception cref="NetworkException">The connection was not made; <see cref="NetworkException.Error"/> says why.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<StreamConnection> ConnectStreamAsync(CancellationToken cancellationToken = default);
}
