namespace TunFlow.Network.Relays;

/// <summary>Ends the associations of another relay when nothing was sent through them for a while: for relays that have no timeout, or to give some traffic a shorter one.</summary>
/// <remarks>Safe from any thread. One timer watches all associations and runs only while there are some; an expiry is noticed at most 1/32 of the timeout late, or by the next send.</remarks>
public sealed class TimeoutPacketRelay : IPacketRelay
{
    private readonly IPacketRelay _inner;
    private readonly TimeProvider _timeProvider;
    private readonly PacketRelayCounters _counters = new();
    private readonly IdleSweeper _sweeper;

    /// <summary>Creates a relay.</summary>
    /// <param name="inner">Opens the associations, which are owned from then on. Not owned itself.</param>
    /// <param name="writeIdleTimeout">How long an association lives after the last datagram sent through it; positive, at most 30 days. Responses don't prolong it (RFC 4787, section 4.3).</param>
    /// <param name="timeProvider">The clock of the timeout, or null for the system's.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="writeIdleTimeout"/> isn't positive, or more than 30 days.</exception>
    public TimeoutPacketRelay(IPacketRelay inner, TimeSpan writeIdleTimeout, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(inner);
        _inner = inner;
        _timeProvider = timeProvider ?? TimeProvider.System;
        _sweeper = new IdleSweeper(PacketProxyOptionsGuard.Timeout(writeIdleTimeout), _timeProvider);
    }

    /// <summary>How long an association lives after the last datagram sent through it.</summary>
    public TimeSpan WriteIdleTimeout => _sweeper.Timeout;

    /// <summary>Reads the counters.</summary>
    public PacketRelayStatistics GetStatistics() => _counters.Snapshot();

    /// <inheritdoc/>
    public async ValueTask<IPacketAssociation> NewAssociationAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        IPacketAssociation inner = await _inner.NewAssociationAsync(cancellationToken).ConfigureAwait(false)
            ?? throw new InvalidOperationException("The packet relay returned no association.");
        TimeoutAssociation association = new(inner, _sweeper, _timeProvider, _counters);
        association.Start();
        return association;
    }
}
