using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>A NetworkStream, whose type tells how to half-close and reset it.</summary>
[SideBySide]
internal sealed class NetworkStreamConformanceTests : StreamConnectionConformance
{
    protected override async Task<ConnectionPair> ConnectAsync()
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        return new ConnectionPair(StreamConnection.Create(new NetworkStream(client, ownsSocket: true)), StreamConnection.Create(server));
    }
}
