using System.Net;

namespace TunFlow.Network;

/// <summary>A <see cref="DnsInterceptDefault"/> in front of a receiver that wants to know of unreachable destinations.</summary>
internal sealed class DnsInterceptErrorDefault(DnsInterceptSession session, CancellationTokenSource cancellation, IPacketErrorReceiver outer)
    : DnsInterceptDefault(session, cancellation), IPacketErrorReceiver
{
    public ValueTask ReportUnreachableAsync(NetworkError error, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ThrowIfEnded();
        return outer.ReportUnreachableAsync(error, destination, cancellationToken);
    }
}
