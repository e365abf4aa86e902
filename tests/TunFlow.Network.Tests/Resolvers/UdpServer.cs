using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network.Tests;

/// <summary>A name server on a loopback port that answers as the test says.</summary>
internal sealed class UdpServer : IAsyncDisposable
{
    private readonly Socket _socket;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private int _queries;

    /// <param name="answer">From a query, and its number from 1, to the datagrams to send back.</param>
    /// <param name="address">Where to listen; 127.0.0.1 by default.</param>
    public UdpServer(Func<byte[], int, IEnumerable<byte[]>> answer, IPAddress? address = null)
    {
        IPEndPoint local = new(address ?? IPAddress.Loopback, 0);
        _socket = new Socket(local.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        _socket.Bind(local);
        EndPoint = (IPEndPoint)_socket.LocalEndPoint!;
        _loop = RunAsync(answer);
    }

    public IPEndPoint EndPoint { get; }

    public IPEndPoint? LastClient { get; private set; }

    public int Queries => Volatile.Read(ref _queries);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _socket.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync(Func<byte[], int, IEnumerable<byte[]>> answer)
    {
        byte[] buffer = new byte[65_536];
        try
        {
            while (true)
            {
                SocketReceiveFromResult query = await _socket.ReceiveFromAsync(buffer, new IPEndPoint(EndPoint.Address, 0), _stop.Token);
                LastClient = (IPEndPoint)query.RemoteEndPoint;
                foreach (byte[] datagram in answer(buffer[..query.ReceivedBytes], Interlocked.Increment(ref _queries)))
                {
                    await _socket.SendToAsync(datagram, query.RemoteEndPoint, _stop.Token);
                }
            }
        }
        catch (OperationCanceledException)
        {
            Assert.That(_stop.IsCancellationRequested, Is.True);
        }
    }
}
