using System.Net;
using TunFlow.Network;

namespace TunFlow.Policy;

/// <summary>The receiving half of a session of <see cref="MappedPacketProxy"/>.</summary>
internal class MappedResponseReceiver(IPacketResponseReceiver inner, SessionTranslation translation) : IPacketResponseReceiver
{
    public ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        // Thrown, not ignored: the proxy counts datagrams that could not be delivered.
        if (translation.Inward(source) is not { } seen)
            throw new NetworkException(NetworkError.AccessDenied, $"{source} is not reachable from inside the tunnel.");
        return inner.WriteFromAsync(payload, seen, cancellationToken);
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
