using System.Net;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

[TestFixture("127.0.0.1")]
[TestFixture("::1")]
internal sealed class UdpDialerConformanceTests(string address) : ConnectedPacketConformance
{
    protected override IPAddress Address { get; } = IPAddress.Parse(address);

    protected override ValueTask<IConnectedPacketConnection> DialAsync(IPEndPoint peer) => new UdpDialer().DialPacketAsync(peer);
}

/// <summary>The connected view of an unconnected socket that serves both families.</summary>
[TestFixture("127.0.0.1")]
[TestFixture("::1")]
internal sealed class PacketListenerDialerConformanceTests(string address) : ConnectedPacketConformance
{
    protected override IPAddress Address { get; } = IPAddress.Parse(address);

    protected override ValueTask<IConnectedPacketConnection> DialAsync(IPEndPoint peer) => new PacketListenerDialer(new UdpListener()).DialPacketAsync(peer);
}
