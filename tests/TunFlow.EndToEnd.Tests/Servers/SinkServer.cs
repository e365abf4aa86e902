using System.Net.Sockets;

namespace TunFlow.EndToEnd.Tests.Servers;

/// <summary>Reads whatever comes; or sends it back, all of it or only what came first, and then closes.</summary>
internal sealed class SinkServer : StreamServer
{
    private readonly bool _echo;
    private readonly bool _once;

    internal SinkServer(bool echo = false, bool once = false)
    {
        _echo = echo || once;
        _once = once;
        Start();
    }

    protected override async Task ServeAsync(Socket client)
    {
        byte[] buffer = new byte[_echo ? 4096 : 256 * 1024];
        int count;
        while ((count = await client.ReceiveAsync(buffer)) > 0)
        {
            if (_echo)
                await client.SendAsync(buffer.AsMemory(0, count));
            if (_once)
                return;
        }
    }
}
