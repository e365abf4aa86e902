using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>A transformation that holds received bytes and cuts what is written into records.</summary>
[SideBySide]
internal sealed class DelegatingStreamConformanceTests : StreamConnectionConformance
{
    // One that has started is finished, whatever the token says.
    protected override bool WritesCanBeCancelled => false;

    protected override async Task<ConnectionPair> ConnectAsync()
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        return new ConnectionPair(new RecordConnection(StreamConnection.Create(client)), new RecordConnection(StreamConnection.Create(server)));
    }
}
