using System.Net;
using TunFlow.Network;

namespace TunFlow.Policy;

/// <summary>
/// Applies an <see cref="EndPointMap"/> in front of a dialer. What the map forbids is refused like a closed port.
/// </summary>
internal sealed class MappedStreamDialer(IStreamDialer inner, EndPointMap map) : IStreamDialer
{
    public ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(remote);
        // A name could resolve to anything, so it cannot be held against the map.
        if (remote is not IPEndPoint destination)
            throw new NetworkException(NetworkError.NotSupported, "Only addresses are dialled through an endpoint map.");
        if (map.Translate(destination, out _) is not { } target)
            throw new NetworkException(NetworkError.ConnectionRefused, $"{destination} is not reachable from inside the tunnel.");
        return inner.DialStreamAsync(target, cancellationToken);
    }
}
