namespace TunFlow.Network;

/// <summary>Opens unconnected datagram sockets, directly or through a proxy.</summary>
/// <remarks>
/// What a proxy protocol that carries UDP implements: <see cref="PacketListenerProxy"/> makes the sessions of a network stack of it, and
/// <see cref="PacketListenerDialer"/> sockets with one peer. Implementations allow concurrent calls.
/// </remarks>
public interface IPacketListener
{
    /// <summary>Opens a socket that can send to and receive from any endpoint.</summary>
    /// <param name="cancellationToken">Gives up opening and frees what was opened for it.</param>
    /// <returns>The socket, owned by the caller.</returns>
    /// <exception cref="NetworkException">The socket could not be opened; <see cref="NetworkException.Error"/> says why.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<IPacketConnection> ListenPacketAsync(CancellationToken cancellationToken = default);
}
