using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class DelegatePacketProxyConformanceTests : ListenerBackedConformance
{
    protected override IPacketProxy Create(PacketListenerProxy inner, ManualTimeProvider time) => new DelegatePacketProxy(inner);
}
