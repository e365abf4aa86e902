using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace TunFlow.Proxies.Tests;

/// <summary>A SOCKS5 server on loopback for associations, without authentication: a relay of real sockets. Shares no code with the client.</summary>
internal sealed class SocksUdpServer : IAsyncDisposable
{
    private readonly IPAddress _address;
    private readonly Socket _listener;
    private readonly Socket _inner;
    private readonly Socket _outer;
    private readonly List<Task> _tasks = [];
    private readonly List<Socket> _controls = [];
    private EndPoint? _client;
    private int _received;

    public SocksUdpServer(string address = "127.0.0.1")
    {
        _address = IPAddress.Parse(address);
        _listener = TcpLoopback.Listen(_address);
        _inner = Bind();
        _outer = Bind();
        _tasks.Add(AcceptAsync());
        _tasks.Add(RelayRequestsAsync());
        _tasks.Add(RelayAnswersAsync());
    }

    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndPoint!;

    /// <summary>Where datagrams of clients are expected.</summary>
    public IPEndPoint Relay => (IPEndPoint)_inner.LocalEndPoint!;

    /// <summary>Where others see the client.</summary>
    public IPEndPoint Outside => (IPEndPoint)_outer.LocalEndPoint!;

    /// <summary>The address in the answer; that of the relay by default.</summary>
    public byte[]? Bound { get; set; }

    /// <summary>How many datagrams of clients came.</summary>
    public int Received => Volatile.Read(ref _received);

    public IReadOnlyList<Socket> Controls
    {
        get
        {
            lock (_controls)
            {
                return [.. _controls];
            }
        }
    }

    /// <summary>Tells where the client is, before it sends anything.</summary>
    public void Learn(EndPoint client) => _client = client;

    /// <summary>Sends the client something, as it is.</summary>
    public Task SendRawAsync(byte[] datagram) => _inner.SendToAsync(datagram, _client!);

    /// <summary>The header of a datagram that is relayed to or from an endpoint.</summary>
    public static byte[] Header(IPEndPoint endPoint)
    {
        byte[] address = endPoint.Address.GetAddressBytes();
        return [0, 0, 0, (byte)(address.Length == 4 ? 1 : 4), .. address, (byte)(endPoint.Port >> 8), (byte)endPoint.Port];
    }

    public void StopRelay() => _inner.Dispose();

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        _inner.Dispose();
        _outer.Dispose();
        foreach (Socket control in Controls)
        {
            control.Dispose();
        }

        await Task.WhenAll(_tasks);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket control = await _listener.AcceptAsync();
                using NetworkStream stream = new(control, ownsSocket: false);

                // Zeros of the family that the client's datagrams will have.
                byte[] expected = [5, 1, 0, 5, 3, .. Header(new IPEndPoint(_address.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0))[2..]];
                byte[] buffer = new byte[expected.Length];
                await stream.ReadExactlyAsync(buffer);
                if (!buffer.AsSpan().SequenceEqual(expected))
                {
                    throw new InvalidDataException(Convert.ToHexString(buffer));
                }

                await stream.WriteAsync((byte[])[5, 0, 5, 0, 0, .. Bound ?? Header(Relay)[3..]]);
                lock (_controls)
                {
                    _controls.Add(control);
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The test is over.
            TestContext.Progress.Write("");
        }
    }

    private async Task RelayRequestsAsync()
    {
        byte[] buffer = new byte[65_536];
        try
        {
            while (true)
            {
                SocketReceiveFromResult datagram = await _inner.ReceiveFromAsync(buffer, Relay);
                Interlocked.Increment(ref _received);
                _client = datagram.RemoteEndPoint;
                int length = buffer[3] == 1 ? 4 : 16;
                IPEndPoint destination = new(new IPAddress(buffer.AsSpan(4, length)), BinaryPrimitives.ReadUInt16BigEndian(buffer.AsSpan(4 + length)));
                await _outer.SendToAsync(buffer.AsMemory(6 + length, datagram.ReceivedBytes - 6 - length), destination);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The test is over.
            TestContext.Progress.Write("");
        }
    }

    private async Task RelayAnswersAsync()
    {
        byte[] buffer = new byte[65_536];
        try
        {
            while (true)
            {
                SocketReceiveFromResult datagram = await _outer.ReceiveFromAsync(buffer, Outside);
                await _inner.SendToAsync((byte[])[.. Header((IPEndPoint)datagram.RemoteEndPoint), .. buffer.AsSpan(0, datagram.ReceivedBytes)], _client!);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The test is over.
            TestContext.Progress.Write("");
        }
    }

    private Socket Bind()
    {
        Socket socket = new(_address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(_address, 0));
        return socket;
    }
}
