using System.Net;
using System.Net.Sockets;

namespace TunFlow.EndToEnd.Tests.Servers;

/// <summary>Accepts on the loopback and reads whatever comes; or sends it back, all of it or only what came first, and then closes.</summary>
internal sealed class SinkServer : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly bool _echo;
    private readonly bool _once;

    internal SinkServer(bool echo = false, bool once = false)
    {
        _echo = echo || once;
        _once = once;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(4096);
        _ = AcceptAsync();
    }

    internal int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                _ = ServeAsync(await _listener.AcceptAsync());
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
            {
                // Reset in the backlog; the next one is none the worse for it.
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return; // disposed: the test is over
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using (socket)
        {
            byte[] buffer = new byte[_echo ? 4096 : 256 * 1024];
            try
            {
                int count;
                while ((count = await socket.ReceiveAsync(buffer)) > 0)
                {
                    if (_echo)
                        await socket.SendAsync(buffer.AsMemory(0, count));
                    if (_once)
                        return;
                }
            }
            catch (SocketException)
            {
                // Reset: the client sees the same, and it is the client that the test looks at.
            }
        }
    }
}
