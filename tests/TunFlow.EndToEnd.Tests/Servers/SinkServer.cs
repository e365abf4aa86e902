using System.Net.Sockets;

namespace TunFlow.EndToEnd.Tests.Servers;

/// <summary>Reads whatever comes.</summary>
internal sealed class SinkServer : StreamServer
{
    internal SinkServer()
    {
        Start();
    }

    protected override async Task ServeAsync(Socket client)
    {
        byte[] buffer = new byte[256 * 1024];
        while (await client.ReceiveAsync(buffer) > 0)
        {
        }
    }
}
