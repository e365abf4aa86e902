using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>A server on a loopback port that does with each connection what the test says.</summary>
internal sealed class StreamServer : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private int _connections;

    /// <param name="serve">Called with each connection, which is closed when it ends or throws.</param>
    /// <param name="address">Where to listen; 127.0.0.1 by default.</param>
    public StreamServer(Func<NetworkStream, CancellationToken, Task> serve, IPAddress? address = null)
    {
        _listener = TcpLoopback.Listen(address);
        EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
        _loop = RunAsync(serve);
    }

    public IPEndPoint EndPoint { get; }

    public int Connections => Volatile.Read(ref _connections);

    /// <summary>A name server over TCP.</summary>
    /// <param name="answer">From a query to what to send back, the length in front of it included.</param>
    public static StreamServer OfDns(Func<byte[], byte[]> answer) => new(async (stream, token) =>
    {
        byte[] query = await ReadQueryAsync(stream, token);
        await stream.WriteAsync(answer(query), token);
    });

    public static async Task<byte[]> ReadQueryAsync(Stream stream, CancellationToken cancellationToken)
    {
        byte[] length = new byte[2];
        await stream.ReadExactlyAsync(length, cancellationToken);
        byte[] query = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
        await stream.ReadExactlyAsync(query, cancellationToken);
        return query;
    }

    public static byte[] Framed(byte[] message) => [(byte)(message.Length >> 8), (byte)message.Length, .. message];

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync(Func<NetworkStream, CancellationToken, Task> serve)
    {
        List<Task> served = [];
        try
        {
            while (true)
            {
                Socket socket = await _listener.AcceptAsync(_stop.Token);
                Interlocked.Increment(ref _connections);
                served.Add(ServeAsync(serve, socket));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(served);
        }
    }

    private async Task ServeAsync(Func<NetworkStream, CancellationToken, Task> serve, Socket socket)
    {
        using NetworkStream stream = new(socket, ownsSocket: true);
        try
        {
            await serve(stream, _stop.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or System.Security.Authentication.AuthenticationException or ObjectDisposedException)
        {
            // The client went away or did not like the certificate: what the test is about, and it looks at the client's side.
            TestContext.Progress.Write("");
        }
    }
}
