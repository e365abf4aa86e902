using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Both ways through streams, wrapped twice. The transformation has to be the same on both ends to be seen through.</summary>
[SideBySide]
[TestFixture(true)]
[TestFixture(false)]
internal sealed class WrappedStreamConformanceTests(bool readerCanWait) : StreamConnectionConformance
{
    protected override async Task<ConnectionPair> ConnectAsync()
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        StreamConnection inner = StreamConnection.Create(client);
        StreamConnection first = StreamConnection.Wrap(inner, new XorStream(inner, 0x55), new XorStream(inner, 0x33), readerCanWait);
        StreamConnection subject = StreamConnection.Wrap(first, new XorStream(first, 0x0F), new XorStream(first, 0xF0), readerCanWait);
        StreamConnection outer = StreamConnection.Create(server);
        StreamConnection peer = StreamConnection.Wrap(outer, new XorStream(outer, 0x33 ^ 0xF0), new XorStream(outer, 0x55 ^ 0x0F));
        return new ConnectionPair(subject, peer);
    }
}
