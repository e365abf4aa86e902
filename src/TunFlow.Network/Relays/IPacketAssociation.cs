using System.Net;

namespace TunFlow.Network.Relays;

/// <summary>A UDP association: sends to any endpoint, and is asked for what came back.</summary>
/// <remarks>
/// <para>Sends may come from any thread; one receive at a time, beside any number of sends. Nothing is received, and no error noticed, unless somebody asks;
/// an association that expires does so without being asked.</para>
/// <para>Disposing ends the association: a pending receive returns, everything is released. It is idempotent, and allowed at any time from any thread, also
/// from whatever handles a datagram. Must be disposed also after it ended by itself, which costs nothing then.</para>
/// </remarks>
public interface IPacketAssociation : IAsyncDisposable
{
    /// <summary>Sends one datagram: all of it, or an exception.</summary>
    /// <param name="payload">The payload. An empty one is ignored, as by <see cref="IPacketRequestSender"/>. Borrowed until the returned task completes: neither changed nor kept.</param>
    /// <param name="destination">Where to. Immutable by contract.</param>
    /// <param name="cancellationToken">Cancels the send.</param>
    /// <exception cref="NetworkException">
    /// <see cref="NetworkError.Closed"/>: the association ended by itself, for example by being idle, and no send brings it back; a new one can be opened.
    /// Any other error concerns this datagram, or its destination, and doesn't end the association.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The association was disposed, before or during the call.</exception>
    ValueTask SendPacketAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default);

    /// <summary>Receives one datagram, waiting for it if there is none.</summary>
    /// <param name="buffer">
    /// Receives the payload; 65,535 bytes hold any datagram. An empty buffer waits until a datagram is there, without taking it, and then returns a result of
    /// length 0 with <see cref="ReceivedDatagram.Source"/> null: so an idle association needs no buffer.
    /// </param>
    /// <param name="cancellationToken">Cancels the wait; no datagram is lost by cancelling.</param>
    /// <returns>
    /// The datagram. Its source is an IP endpoint, and null only after a wait with an empty buffer. If <see cref="ReceivedDatagram.Truncated"/> it was
    /// longer than the buffer, or than the transport takes, and must not be passed on.
    /// </returns>
    /// <exception cref="NetworkException">
    /// <see cref="NetworkError.Closed"/>: the association ended by itself. With a <see cref="NetworkException.Destination"/>: a datagram sent there earlier did
    /// not arrive; the association goes on. Any other error concerns one datagram, and the next receive may succeed.
    /// </exception>
    /// <exception cref="InvalidOperationException">Another receive is pending.</exception>
    /// <exception cref="ObjectDisposedException">The association was disposed, before or during the call.</exception>
    ValueTask<ReceivedDatagram> ReceivePacketAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);
}
