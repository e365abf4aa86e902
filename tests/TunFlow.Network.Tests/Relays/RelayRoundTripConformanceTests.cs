using TunFlow.Network.Relays;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>A proxy that was made a relay and a proxy again.</summary>
internal sealed class RelayRoundTripConformanceTests : ListenerBackedConformance
{
    // The suite answers hundreds of sends at once, and this queue drops what nobody has fetched.
    private static readonly ProxyPacketRelayOptions s_roomy = new() { MaxQueuedDatagrams = 4096, MaxQueuedBytes = 4 * 1024 * 1024 };

    protected override IPacketProxy Create(PacketListenerProxy inner, ManualTimeProvider time) => inner.AsPacketRelay(s_roomy).AsPacketProxy(time);
}
