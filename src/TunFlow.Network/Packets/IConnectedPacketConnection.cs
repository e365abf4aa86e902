using System.Net;

namespace TunFlow.Network;

/// <summary>A datagram socket with one peer: it sends to nobody else, and what others send to it is not received.</summary>
/// <remarks>Sends may come from any thread; one receive at a time, beside any number of sends. Disposing is idempotent and allowed at any time.</remarks>
public interface IConnectedPacketConnection : IAsyncDisposable
{
    /// <summary>The local address and port, as far as it is known. Stays readable after disposal.</summary>
    EndPoint? LocalEndPoint { get; }

    /// <summary>The peer. Stays readable after disposal.</summary>
    EndPoint? RemoteEndPoint { get; }

    /// <summary>Whether a receive with an empty buffer waits for a datagram without taking it, so that an idle connection needs no buffer.</summary>
    bool CanWaitForData => false;

    /// <summary>Sends one datagram to the peer: all of it, or an exception.</summary>
    /// <param name="payload">The payload, which may be empty. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Cancels the send.</param>
    /// <exception cref="NetworkException">The datagram could not be sent; the socket stays usable unless the error is <see cref="NetworkError.Closed"/>.</exception>
    /// <exception cref="ObjectDisposedException">The connection was disposed.</exception>
    ValueTask SendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default);

    /// <summary>Receives one datagram of the peer.</summary>
    /// <param name="buffer">Receives the payload; 65,535 bytes hold any datagram. An empty buffer waits until a datagram is there, without taking it, if <see cref="CanWaitForData"/>.</param>
    /// <param name="cancellationToken">Cancels the wait; no datagram is lost by cancelling.</param>
    /// <returns>Length and completeness of the datagram; its source is the peer, or null where the peer has no IP endpoint.</returns>
    /// <exception cref="NetworkException">
    /// <see cref="NetworkError.Closed"/>: no more datagrams will come. Any other error (for example <see cref="NetworkError.PortUnreachable"/>) concerns one
    /// datagram, received or sent earlier, and the next receive may succeed.
    /// </exception>
    /// <exception cref="InvalidOperationException">Another receive is pending.</exception>
    /// <exception cref="ObjectDisposedException">The connection was disposed, before or during the call.</exception>
    ValueTask<ReceivedDatagram> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);
}
