using System.Net;
using System.Net.Sockets;

namespace TunFlow.EndToEnd.Tests.Servers;

/// <summary>Accepts on the loopback, sends everybody the same bytes, and waits for the client's end.</summary>
internal sealed class SourceServer : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly byte[] _content;

    internal SourceServer(byte[] content)
    {
        _content = content;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(4096);
        _ = AcceptAsync();
    }

    internal int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptAsync());
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Disposed: the test is over.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using (socket)
        {
            try
            {
                for (int sent = 0; sent < _content.Length;)
                    sent += await socket.SendAsync(_content.AsMemory(sent));
                await socket.ReceiveAsync(new byte[1]);
            }
            catch (SocketException)
            {
                // The client sees the same, and it is the client that the test looks at.
            }
        }
    }
}
