using System.Net;
using TunFlow.Network;

namespace TunFlow.Policy;

/// <summary>The sending half of a session of <see cref="MappedPacketProxy"/>.</summary>
internal sealed class MappedRequestSender(IPacketRequestSender inner, SessionTranslation translation) : IPacketRequestSender
{
    public ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (translation.Outward(destination) is not { } target)
            throw new NetworkException(NetworkError.PortUnreachable, $"{destination} is not reachable from inside the tunnel.");
        return inner.WriteToAsync(payload, target, cancellationToken);
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
