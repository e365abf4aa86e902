using System.Net;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

[SideBySide]
[TestFixture("127.0.0.1")]
[TestFixture("::1")]
internal sealed class TcpDialerConformanceTests(string address) : StreamConnectionConformance
{
    protected override Task<ConnectionPair> ConnectAsync() => TcpLoopback.DialAsync(new TcpDialer(), IPAddress.Parse(address));
}
