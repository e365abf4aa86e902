using System.Net;

namespace TunFlow.Network;

/// <summary>An <see cref="IPacketResponseReceiver"/> that also wants to know which destinations can't be reached, so that the application can be told by ICMP at once instead of waiting for its own timeout.</summary>
/// <remarks>Called by the proxy, from any thread. For receivers that don't implement it, the proxy fails the next send to that destination with the same error.</remarks>
public interface IPacketErrorReceiver : IPacketResponseReceiver
{
    /// <summary>Reports that a datagram sent earlier did not arrive.</summary>
    /// <param name="error"><see cref="NetworkError.PortUnreachable"/>, <see cref="NetworkError.HostUnreachable"/>, <see cref="NetworkError.NetworkUnreachable"/> or <see cref="NetworkError.AccessDenied"/>.</param>
    /// <param name="destination">Where that datagram was sent to. Immutable by contract.</param>
    /// <param name="cancellationToken">Cancels the report.</param>
    /// <exception cref="NetworkException"><see cref="NetworkError.Closed"/>: the session is over and the proxy should stop.</exception>
    /// <exception cref="ObjectDisposedException">The receiver was disposed.</exception>
    ValueTask ReportUnreachableAsync(NetworkError error, IPEndPoint destination, CancellationToken cancellationToken = default);
}
