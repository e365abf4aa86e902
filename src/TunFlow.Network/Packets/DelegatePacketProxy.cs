namespace TunFlow.Network;

/// <summary>A packet proxy whose target can be swapped while it is in use. Sessions that exist stay with the target they were opened on.</summary>
/// <remarks>All members are safe from any thread. The targets are not owned.</remarks>
public sealed class DelegatePacketProxy : IPacketProxy
{
    private volatile IPacketProxy _target;

    /// <summary>Creates a proxy.</summary>
    /// <param name="target">Opens the sessions until <see cref="SetProxy"/> names another.</param>
    public DelegatePacketProxy(IPacketProxy target)
    {
        ArgumentNullException.ThrowIfNull(target);
        _target = target;
    }

    /// <summary>Swaps the target atomically: every session opened after this method returned is opened on the new one. Opens no session itself.</summary>
    /// <param name="target">The new target.</param>
    /// <exception cref="ArgumentNullException"><paramref name="target"/> is null; the old target stays.</exception>
    public void SetProxy(IPacketProxy target)
    {
        ArgumentNullException.ThrowIfNull(target);
        _target = target;
    }

    /// <inheritdoc/>
    public ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default) =>
        _target.NewSessionAsync(receiver, cancellationToken);
}
