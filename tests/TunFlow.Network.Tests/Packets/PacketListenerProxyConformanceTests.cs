using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class PacketListenerProxyConformanceTests : ListenerBackedConformance
{
    protected override IPacketProxy Create(PacketListenerProxy inner, ManualTimeProvider time) => inner;
}
