using System.Net;
using TunFlow.Network;

namespace TunFlow.Policy;

/// <summary>As <see cref="MappedResponseReceiver"/>, for a receiver that wants to hear of unreachable destinations.</summary>
internal sealed class MappedErrorReceiver(IPacketErrorReceiver inner, SessionTranslation translation)
    : MappedResponseReceiver(inner, translation), IPacketErrorReceiver
{
    private readonly IPacketErrorReceiver _inner = inner;
    private readonly SessionTranslation _translation = translation;

    /// <summary>Reports the endpoint that the application asked for. One that it cannot have asked for is nothing to report.</summary>
    public ValueTask ReportUnreachableAsync(NetworkError error, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return _translation.Inward(destination) is { } seen
            ? _inner.ReportUnreachableAsync(error, seen, cancellationToken)
            : ValueTask.CompletedTask;
    }
}
