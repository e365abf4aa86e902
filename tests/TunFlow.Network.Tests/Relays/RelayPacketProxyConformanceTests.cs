using TunFlow.Network.Relays;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>A listener's relay as a proxy.</summary>
internal sealed class RelayPacketProxyConformanceTests : ListenerBackedConformance
{
    protected override IPacketProxy Create(PacketListenerProxy inner, ManualTimeProvider time) =>
        new PacketListenerRelay(Listener, PacketListenerProxyOptions.DefaultWriteIdleTimeout, time).AsPacketProxy(time);
}
