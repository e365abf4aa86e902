using System.Net;
using System.Net.Sockets;

namespace TunFlow.Proxies.Tests;

/// <summary>Sends back what it gets, and ends when the other side does.</summary>
internal sealed class EchoServer : IDisposable
{
    private readonly Socket _listener;

    public EchoServer(IPAddress address)
    {
        _listener = TcpLoopback.Listen(address);
        EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
        _ = AcceptAsync();
    }

    public IPEndPoint EndPoint { get; }

    /// <summary>Sends so many bytes; all of them must come back, and where half-closing passes the end, too.</summary>
    public static async Task AssertEchoesAsync(StreamConnection connection, int bytes, bool halfCloses = true)
    {
        byte[] data = StreamTransfer.Bytes(bytes, bytes);
        Task send = StreamTransfer.SendAsync(connection, data, halfCloses, CancellationToken.None);
        byte[] received = new byte[bytes];
        await connection.ReadExactlyAsync(received);
        await send;
        Assert.That(received.AsSpan().SequenceEqual(data), Is.True);
        if (halfCloses)
        {
            Assert.That(await connection.ReadAsync(received), Is.Zero);
        }
    }

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = EchoAsync(await _listener.AcceptAsync());
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The test is over.
            TestContext.Progress.Write("");
        }
    }

    private static async Task EchoAsync(Socket socket)
    {
        using (socket)
        {
            using NetworkStream stream = new(socket, ownsSocket: false);
            await stream.CopyToAsync(stream);
            socket.Shutdown(SocketShutdown.Send);
        }
    }
}
