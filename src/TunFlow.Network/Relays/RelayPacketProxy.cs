namespace TunFlow.Network.Relays;

/// <summary>A packet proxy made of a packet relay: one association per session, and a task that delivers what it receives.</summary>
/// <remarks>
/// Safe from any thread. A session has no timeout but the relay's. When the association ends, or the session's receiver says that it is closed, both are
/// disposed; so they are when the sender is. A datagram that can't be received or delivered is counted and never ends the session.
/// </remarks>
public sealed class RelayPacketProxy : IPacketProxy
{
    private readonly IPacketRelay _relay;
    private readonly TimeProvider _timeProvider;
    private readonly PacketRelayCounters _counters = new();

    /// <summary>Creates a proxy.</summary>
    /// <param name="relay">Opens the associations. Not owned.</param>
    /// <param name="timeProvider">The clock of pauses after repeated errors, or null for the system's.</param>
    public RelayPacketProxy(IPacketRelay relay, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(relay);
        _relay = relay;
        _timeProvider = timeProvider ?? TimeProvider.System;
    }

    /// <summary>Reads the counters.</summary>
    public PacketRelayStatistics GetStatistics() => _counters.Snapshot();

    /// <inheritdoc/>
    public async ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        cancellationToken.ThrowIfCancellationRequested();
        IPacketAssociation association = await _relay.NewAssociationAsync(cancellationToken).ConfigureAwait(false)
            ?? throw new InvalidOperationException("The packet relay returned no association.");
        RelaySession session = new(association, receiver, _timeProvider, _counters);
        session.Start();
        return session;
    }
}
