using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>A stream of a type that the library doesn't know and that can't wait for data: half-close and reset come through the options.</summary>
[SideBySide]
internal sealed class OpaqueStreamConformanceTests : StreamConnectionConformance
{
    protected override async Task<ConnectionPair> ConnectAsync()
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        OpaqueStream stream = new(new NetworkStream(client, ownsSocket: true));
        StreamConnection subject = StreamConnection.Create(stream, new StreamConnectionOptions
        {
            CompleteWrites = _ =>
            {
                client.Shutdown(SocketShutdown.Send);
                return ValueTask.CompletedTask;
            },
            Abort = () => client.Close(0),
        });
        return new ConnectionPair(subject, StreamConnection.Create(server));
    }
}
