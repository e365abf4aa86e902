using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class IdleTimeoutPacketProxyConformanceTests : ListenerBackedConformance
{
    protected override IPacketProxy Create(PacketListenerProxy inner, ManualTimeProvider time) =>
        new IdleTimeoutPacketProxy(inner, new IdleTimeoutPacketProxyOptions { IdleTimeout = TimeSpan.FromSeconds(10), TimeProvider = time });
}
