using System.Net;

namespace TunFlow.Network;

/// <summary>The sending half of a packet session. Implemented by the proxy, called by the network stack, from any thread.</summary>
/// <remarks>
/// Disposing ends the session: its socket is closed and its <see cref="IPacketResponseReceiver"/> is disposed. Disposing again does nothing.
/// The receiver may in turn dispose the sender, synchronously, without a dead-lock.
/// </remarks>
public interface IPacketRequestSender : IAsyncDisposable
{
    /// <summary>Sends one datagram: all of it, or an exception.</summary>
    /// <param name="payload">The payload. An empty one is ignored. Borrowed until the returned task completes: neither changed nor kept.</param>
    /// <param name="destination">Where to. Immutable by contract: never changed by anybody after it was passed.</param>
    /// <param name="cancellationToken">Cancels the send.</param>
    /// <exception cref="NetworkException">
    /// <see cref="NetworkError.Closed"/>: the session ended by itself, for example by being idle; a new one can be opened.
    /// <see cref="NetworkError.PortUnreachable"/>: the destination is known to refuse. <see cref="NetworkError.MessageTooLarge"/>: the datagram doesn't fit the transport.
    /// None of the latter two ends the session.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The sender was disposed.</exception>
    ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default);
}
