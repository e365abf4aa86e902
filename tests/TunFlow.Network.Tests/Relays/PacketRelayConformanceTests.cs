using TunFlow.Network.Relays;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>The contract of packet relays over all of them, over sockets that can wait without taking and sockets that can't.</summary>
[TestFixtureSource(nameof(Fixtures))]
internal sealed class PacketRelayConformanceTests(string kind, bool socketsCanWait) : PacketRelayConformance
{
    private static readonly TimeSpan s_never = TimeSpan.FromDays(1);

    public static IEnumerable<TestFixtureData> Fixtures =>
        from kind in new[] { "Listener", "Timeout", "TimeoutOfProxy", "Delegate", "Proxy", "RelayAsProxyAsRelay", "ProxyAsRelayAsProxyAsRelay" }
        from socketsCanWait in new[] { true, false }
        select new TestFixtureData(kind, socketsCanWait);

    protected override bool SocketsCanWait => socketsCanWait;

    protected override IPacketRelay CreateRelay(IPacketListener listener, TimeSpan writeIdleTimeout, TimeProvider timeProvider)
    {
        PacketListenerRelay relay = new(listener, writeIdleTimeout, timeProvider);
        PacketListenerProxy proxy = new(listener, new PacketListenerProxyOptions { WriteIdleTimeout = writeIdleTimeout, TimeProvider = timeProvider });
        PacketListenerProxy endless = new(listener, new PacketListenerProxyOptions { WriteIdleTimeout = s_never, TimeProvider = timeProvider });
        return kind switch
        {
            "Listener" => relay,
            "Timeout" => new TimeoutPacketRelay(new PacketListenerRelay(listener, s_never, timeProvider), writeIdleTimeout, timeProvider),
            "TimeoutOfProxy" => new TimeoutPacketRelay(endless.AsPacketRelay(), writeIdleTimeout, timeProvider),
            "Delegate" => new DelegatePacketRelay(relay),
            "Proxy" => proxy.AsPacketRelay(),
            "RelayAsProxyAsRelay" => relay.AsPacketProxy(timeProvider).AsPacketRelay(),
            "ProxyAsRelayAsProxyAsRelay" => proxy.AsPacketRelay().AsPacketProxy(timeProvider).AsPacketRelay(),
            _ => throw new InvalidOperationException(kind),
        };
    }
}
