using System.Net;
using System.Net.Sockets;
using TunFlow.Network;

namespace TunFlow.Testing;

/// <summary>Connected TCP sockets on the loopback interface.</summary>
public static class TcpLoopback
{
    /// <summary>Connects two sockets.</summary>
    /// <param name="address">The loopback address to use; 127.0.0.1 by default.</param>
    public static async Task<(Socket Client, Socket Server)> ConnectSocketsAsync(IPAddress? address = null)
    {
        using Socket listener = Listen(address);
        Socket client = new(listener.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(listener.LocalEndPoint!).ConfigureAwait(false);
        Socket server = await listener.AcceptAsync().ConfigureAwait(false);
        server.NoDelay = true;
        return (client, server);
    }

    /// <summary>Dials one end and accepts the other.</summary>
    /// <param name="dialer">The dialer under test.</param>
    /// <param name="address">The loopback address to use; 127.0.0.1 by default.</param>
    public static async Task<ConnectionPair> DialAsync(IStreamDialer dialer, IPAddress? address = null)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        using Socket listener = Listen(address);
        Task<Socket> accept = listener.AcceptAsync();
        StreamConnection client = await dialer.DialStreamAsync(listener.LocalEndPoint!).ConfigureAwait(false);
        Socket server = await accept.ConfigureAwait(false);
        server.NoDelay = true;
        return new ConnectionPair(client, StreamConnection.Create(server));
    }

    /// <summary>Listens on a free port.</summary>
    /// <param name="address">The address; 127.0.0.1 by default.</param>
    public static Socket Listen(IPAddress? address = null)
    {
        IPEndPoint local = new(address ?? IPAddress.Loopback, 0);
        Socket listener = new(local.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(local);
        listener.Listen();
        return listener;
    }
}
