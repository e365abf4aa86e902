using System.Net;

namespace TunFlow.Network;

/// <summary>An <see cref="IdleTimeoutReceiver"/> in front of a receiver that wants to know of unreachable destinations.</summary>
internal sealed class IdleTimeoutErrorReceiver(IdleTimeoutSession session, IPacketErrorReceiver outer)
    : IdleTimeoutReceiver(session, outer), IPacketErrorReceiver
{
    public ValueTask ReportUnreachableAsync(NetworkError error, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ThrowIfClosed();
        return outer.ReportUnreachableAsync(error, destination, cancellationToken);
    }
}
