namespace TunFlow.Network;

/// <summary>Makes packet sessions: one session stands for one local UDP socket that may talk to any number of remote endpoints.</summary>
/// <remarks>
/// The contract for UDP that a network stack takes. Whoever has something like a socket, as the client of a proxy protocol does, implements the simpler
/// <see cref="IPacketListener"/> and puts a <see cref="PacketListenerProxy"/> on top. Implementations allow concurrent calls.
/// </remarks>
public interface IPacketProxy
{
    /// <summary>Opens a session: "a local UDP socket came to life".</summary>
    /// <param name="receiver">Takes what comes back. It may be called before this method returns, and before anything was sent. If this method fails, the caller disposes the receiver; from its success on the session does, when no more responses will come.</param>
    /// <param name="cancellationToken">Cancels the opening.</param>
    /// <returns>The sending half of the session, owned by the caller.</returns>
    /// <exception cref="NetworkException">The session could not be opened; <see cref="NetworkException.Error"/> says why.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default);
}
