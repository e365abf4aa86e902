using TunFlow.Network;

namespace TunFlow.Policy;

/// <summary>
/// Applies an <see cref="EndPointMap"/> in front of a packet proxy, to destinations and to the sources of answers.
/// </summary>
internal sealed class MappedPacketProxy(IPacketProxy inner, EndPointMap map) : IPacketProxy
{
    public async ValueTask<IPacketRequestSender> NewSessionAsync(
        IPacketResponseReceiver receiver,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        SessionTranslation translation = new(map);
        // A receiver without the error contract must keep looking like one: the proxy then fails the next send instead.
        MappedResponseReceiver mapped = receiver is IPacketErrorReceiver errors
            ? new MappedErrorReceiver(errors, translation)
            : new MappedResponseReceiver(receiver, translation);
        IPacketRequestSender sender = await inner.NewSessionAsync(mapped, cancellationToken).ConfigureAwait(false);
        return new MappedRequestSender(sender, translation);
    }
}
