namespace TunFlow.Network;

/// <summary>A fixed destination of datagrams: a resolver, a proxy's UDP port, anything that is always reached at the same place.</summary>
/// <remarks>Implementations allow concurrent calls.</remarks>
public interface IPacketEndpoint
{
    /// <summary>Opens a connected datagram socket to the destination.</summary>
    /// <param name="cancellationToken">Gives up opening and frees what was opened for it.</param>
    /// <returns>The socket, owned by the caller.</returns>
    /// <exception cref="NetworkException">The socket could not be opened; <see cref="NetworkException.Error"/> says why.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<IConnectedPacketConnection> ConnectPacketAsync(CancellationToken cancellationToken = default);
}
