using System.Net;

namespace TunFlow.Network;

/// <summary>An unconnected datagram socket.</summary>
/// <remarks>Sends may come from any thread; one receive at a time, beside any number of sends. Disposing is idempotent and allowed at any time.</remarks>
public interface IPacketConnection : IAsyncDisposable
{
    /// <summary>The local address and port, as far as it is known. Stays readable after disposal.</summary>
    EndPoint? LocalEndPoint { get; }

    /// <summary>Sends one datagram: all of it, or an exception.</summary>
    /// <param name="payload">The payload, which may be empty. Borrowed until the returned task completes.</param>
    /// <param name="destination">Where to. Immutable by contract.</param>
    /// <param name="cancellationToken">Cancels the send.</param>
    /// <exception cref="NetworkException">The datagram could not be sent; the socket stays usable unless the error is <see cref="NetworkError.Closed"/>.</exception>
    /// <exception cref="ObjectDisposedException">The connection was disposed.</exception>
    ValueTask SendToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default);

    /// <summary>Receives one datagram.</summary>
    /// <param name="buffer">
    /// Receives the payload; 65,535 bytes hold any datagram. An empty buffer waits until a datagram is there, without taking it, where the transport can tell
    /// (see <see cref="CanWaitForData"/>), and then returns a result of length 0 with <see cref="ReceivedDatagram.Source"/> null.
    /// </param>
    /// <param name="cancellationToken">Cancels the wait; no datagram is lost by cancelling.</param>
    /// <exception cref="NetworkException">
    /// <see cref="NetworkError.Closed"/>: no more datagrams will come. Any other error concerns one datagram, received or sent earlier, and the next receive may succeed.
    /// </exception>
    /// <exception cref="InvalidOperationException">Another receive is pending.</exception>
    /// <exception cref="ObjectDisposedException">The connection was disposed, before or during the call.</exception>
    ValueTask<ReceivedDatagram> ReceiveFromAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);

    /// <summary>Whether a receive with an empty buffer waits for a datagram without taking it, so that an idle session needs no buffer.</summary>
    bool CanWaitForData => false;
}
