namespace TunFlow.Network.Relays;

/// <summary>Makes associations of any <see cref="IPacketListener"/>: one socket per association, closed when nothing was sent through it for a while.</summary>
/// <remarks>
/// Safe from any thread. Runs nothing per association: one timer watches all of them and runs only while there are some; an expiry is noticed at most 1/32
/// of the timeout late, or by the next send. A datagram that can't be received or has no IP source is counted and passed over; it never ends the
/// association. Holds nothing that needs disposal once its associations are over. While somebody waits with an empty buffer an association holds none either,
/// unless its transport can't wait without taking (<see cref="IPacketConnection.CanWaitForData"/>): then it is one of 64 KiB, from a pool.
/// </remarks>
public sealed class PacketListenerRelay : IPacketRelay
{
    private readonly IPacketListener _listener;
    private readonly TimeProvider _timeProvider;
    private readonly PacketRelayCounters _counters = new();
    private readonly IdleSweeper _sweeper;

    /// <summary>Creates a relay.</summary>
    /// <param name="listener">Opens the sockets. Not owned.</param>
    /// <param name="writeIdleTimeout">How long an association lives after the last datagram sent through it; positive, at most 30 days. Responses don't prolong it (RFC 4787, section 4.3).</param>
    /// <param name="timeProvider">The clock of the timeout, or null for the system's.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="writeIdleTimeout"/> isn't positive, or more than 30 days.</exception>
    public PacketListenerRelay(IPacketListener listener, TimeSpan writeIdleTimeout, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(listener);
        _listener = listener;
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
        IPacketConnection connection = await _listener.ListenPacketAsync(cancellationToken).ConfigureAwait(false)
            ?? throw new InvalidOperationException("The packet listener returned no connection.");
        ListenerAssociation association = new(connection, _sweeper, _timeProvider, _counters);
        association.Start();
        return association;
    }
}
