namespace TunFlow.Network.Relays;

/// <summary>A packet relay whose target can be swapped while it is in use. Associations that exist stay with the target they were opened on.</summary>
/// <remarks>All members are safe from any thread. The targets are not owned.</remarks>
public sealed class DelegatePacketRelay : IPacketRelay
{
    private volatile IPacketRelay _target;

    /// <summary>Creates a relay.</summary>
    /// <param name="target">Opens the associations until <see cref="SetRelay"/> names another.</param>
    public DelegatePacketRelay(IPacketRelay target)
    {
        ArgumentNullException.ThrowIfNull(target);
        _target = target;
    }

    /// <summary>Swaps the target atomically: every association opened after this method returned is opened on the new one. Opens no association itself.</summary>
    /// <param name="target">The new target.</param>
    /// <exception cref="ArgumentNullException"><paramref name="target"/> is null; the old target stays.</exception>
    public void SetRelay(IPacketRelay target)
    {
        ArgumentNullException.ThrowIfNull(target);
        _target = target;
    }

    /// <inheritdoc/>
    public ValueTask<IPacketAssociation> NewAssociationAsync(CancellationToken cancellationToken = default) => _target.NewAssociationAsync(cancellationToken);
}
