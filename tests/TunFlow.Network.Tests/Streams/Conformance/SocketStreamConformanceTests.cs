using System.Net;
using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>The end that accepted, over IPv6.</summary>
[SideBySide]
internal sealed class SocketStreamConformanceTests : StreamConnectionConformance
{
    protected override async Task<ConnectionPair> ConnectAsync()
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync(IPAddress.IPv6Loopback);
        return new ConnectionPair(StreamConnection.Create(server), StreamConnection.Create(client));
    }
}
