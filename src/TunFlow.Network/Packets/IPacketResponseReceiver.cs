using System.Net;

namespace TunFlow.Network;

/// <summary>The receiving half of a packet session. Implemented by the network stack, called by the proxy, from any thread.</summary>
/// <remarks>The proxy disposes it when no more responses will come. Disposing again does nothing.</remarks>
public interface IPacketResponseReceiver : IAsyncDisposable
{
    /// <summary>Delivers one datagram to the application: all of it, or an exception.</summary>
    /// <param name="payload">The payload. Borrowed until the returned task completes: neither changed nor kept.</param>
    /// <param name="source">Who sent it. Immutable by contract.</param>
    /// <param name="cancellationToken">Cancels the delivery.</param>
    /// <exception cref="NetworkException">
    /// <see cref="NetworkError.Closed"/>: the session is over and the proxy should stop. Any other error concerns this datagram only.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The receiver was disposed.</exception>
    ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default);
}
