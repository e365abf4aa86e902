using System.Diagnostics.CodeAnalysis;
using System.Net;
using TunFlow.Network;

namespace TunFlow.Policy;

/// <summary>
/// Applies an <see cref="EndPointMap"/> in front of a dialer. What the map forbids is refused like a closed port.
/// </summary>
internal sealed class MappedStreamDialer(IStreamDialer inner, EndPointMap map) : IStreamDialer, ISocketDialer
{
    bool ISocketDialer.TryGetTarget(IPEndPoint remote, [NotNullWhen(true)] out TcpDialer? dialer, [NotNullWhen(true)] out IPEndPoint? target)
    {
        dialer = null;
        target = null;
        return inner is ISocketDialer sockets && map.Translate(remote, out _) is { } translated && sockets.TryGetTarget(translated, out dialer, out target);
    }

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
