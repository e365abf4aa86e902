namespace TunFlow.Network.Relays;

/// <summary>A packet relay made of a packet proxy: what the proxy delivers is queued until somebody receives it.</summary>
/// <remarks>
/// <para>Safe from any thread. The queue of an association is bounded. When it is full the newest datagram is dropped and counted, as a UDP socket of the system
/// does; the proxy is neither made to wait nor told, for one that answers from within a send would wait for the very caller who is to receive.</para>
/// <para>An association has no timeout but the proxy's. When the proxy ends it, what waits can still be received; when it is disposed, that is discarded.</para>
/// </remarks>
public sealed class ProxyPacketRelay : IPacketRelay
{
    private readonly IPacketProxy _proxy;
    private readonly ProxyPacketRelayOptions _options;
    private readonly PacketRelayCounters _counters = new();

    /// <summary>Creates a relay.</summary>
    /// <param name="proxy">Opens the sessions, one per association. Not owned.</param>
    /// <param name="options">Bounds of the queues, or null for the defaults.</param>
    public ProxyPacketRelay(IPacketProxy proxy, ProxyPacketRelayOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(proxy);
        _proxy = proxy;
        _options = options ?? new ProxyPacketRelayOptions();
    }

    /// <summary>Reads the counters.</summary>
    public PacketRelayStatistics GetStatistics() => _counters.Snapshot();

    /// <inheritdoc/>
    public async ValueTask<IPacketAssociation> NewAssociationAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ProxyAssociation association = new(_options, _counters);
        try
        {
            IPacketRequestSender sender = await _proxy.NewSessionAsync(new ProxyAssociationReceiver(association), cancellationToken).ConfigureAwait(false)
                ?? throw new InvalidOperationException("The packet proxy returned no sender.");
            association.Attach(sender);
            return association;
        }
        catch
        {
            association.Abandon();
            throw;
        }
    }
}
