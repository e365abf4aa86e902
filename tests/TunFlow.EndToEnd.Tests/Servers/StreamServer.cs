using System.Net;
using System.Net.Sockets;

namespace TunFlow.EndToEnd.Tests.Servers;

/// <summary>Accepts connections until it is disposed, and serves them side by side. An error of one is its client's to notice, and it is the client that a test looks at.</summary>
internal abstract class StreamServer : IDisposable
{
    private readonly Socket _listener;

    /// <summary>On a port of the loopback.</summary>
    protected StreamServer()
        : this(Listen())
    {
    }

    protected StreamServer(Socket listener) => _listener = listener;

    internal int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public void Dispose() => _listener.Dispose();

    /// <summary>Begins to accept; for the end of a constructor.</summary>
    protected void Start() => _ = AcceptAsync();

    /// <summary>Serves a connection, which is closed behind it.</summary>
    protected abstract Task ServeAsync(Socket client);

    private static Socket Listen()
    {
        Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(4096);
        return listener;
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                _ = ServeAndCloseAsync(await _listener.AcceptAsync());
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

    private async Task ServeAndCloseAsync(Socket client)
    {
        using (client)
        {
            try
            {
                await ServeAsync(client);
            }
            catch (Exception exception) when (exception is SocketException or IOException)
            {
                // The client sees the same.
            }
        }
    }
}
