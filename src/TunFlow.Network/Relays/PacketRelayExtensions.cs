namespace TunFlow.Network.Relays;

/// <summary>Turns packet relays into packet proxies and back.</summary>
public static class PacketRelayExtensions
{
    /// <summary>Makes a proxy of a relay: each session is an association, with a task that delivers what it receives.</summary>
    /// <param name="relay">The relay. Not owned.</param>
    /// <param name="timeProvider">The clock of pauses after repeated errors, or null for the system's.</param>
    public static RelayPacketProxy AsPacketProxy(this IPacketRelay relay, TimeProvider? timeProvider = null) => new(relay, timeProvider);

    /// <summary>Makes a relay of a proxy: each association is a session, with a bounded queue for what comes back.</summary>
    /// <param name="proxy">The proxy. Not owned.</param>
    /// <param name="options">Bounds of the queues, or null for the defaults.</param>
    public static ProxyPacketRelay AsPacketRelay(this IPacketProxy proxy, ProxyPacketRelayOptions? options = null) => new(proxy, options);
}
