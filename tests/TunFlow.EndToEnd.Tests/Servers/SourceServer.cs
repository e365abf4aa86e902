using System.Net.Sockets;

namespace TunFlow.EndToEnd.Tests.Servers;

/// <summary>Sends everybody the same bytes, and waits for the client's end.</summary>
internal sealed class SourceServer : StreamServer
{
    private readonly byte[] _content;

    internal SourceServer(byte[] content)
    {
        _content = content;
        Start();
    }

    protected override async Task ServeAsync(Socket client)
    {
        for (int sent = 0; sent < _content.Length;)
            sent += await client.SendAsync(_content.AsMemory(sent));
        await client.ReceiveAsync(new byte[1]);
    }
}
