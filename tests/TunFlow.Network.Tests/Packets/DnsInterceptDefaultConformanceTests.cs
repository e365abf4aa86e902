using System.Net;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>What isn't intercepted.</summary>
internal sealed class DnsInterceptDefaultConformanceTests : ListenerBackedConformance
{
    protected override IPacketProxy Create(PacketListenerProxy inner, ManualTimeProvider time) => new DnsInterceptPacketProxy(
        new DnsTruncatePacketProxy(), inner, IPEndPoint.Parse("10.9.0.1:53"), IPEndPoint.Parse("9.9.9.9:53"), new DnsInterceptPacketProxyOptions { TimeProvider = time });
}
