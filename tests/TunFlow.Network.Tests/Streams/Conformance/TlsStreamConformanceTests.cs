using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>TLS over a connection, either end.</summary>
[SideBySide]
[TestFixture(true)]
[TestFixture(false)]
internal sealed class TlsStreamConformanceTests(bool client) : StreamConnectionConformance
{
    protected override bool WritesCanBeCancelled => false;

    protected override async Task<ConnectionPair> ConnectAsync()
    {
        (StreamConnection one, StreamConnection other) = await TlsLoopback.ConnectAsync();
        return client ? new ConnectionPair(one, other) : new ConnectionPair(other, one);
    }
}
