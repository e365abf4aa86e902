namespace TunFlow.Network.Relays;

/// <summary>Opens packet associations: one association stands for one local UDP socket that may talk to any number of remote endpoints, and its user pulls what comes back.</summary>
/// <remarks>
/// The other shape of <see cref="IPacketProxy"/>, for users who own their concurrency: no task is started to receive. Who doesn't need that
/// should use <see cref="IPacketProxy"/>; <see cref="PacketRelayExtensions"/> turns either into the other. Implementations allow concurrent calls.
/// </remarks>
public interface IPacketRelay
{
    /// <summary>Opens an association.</summary>
    /// <param name="cancellationToken">Gives up opening and frees what was opened for it.</param>
    /// <returns>The association, owned by the caller.</returns>
    /// <exception cref="NetworkException">The association could not be opened; <see cref="NetworkException.Error"/> says why.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<IPacketAssociation> NewAssociationAsync(CancellationToken cancellationToken = default);
}
