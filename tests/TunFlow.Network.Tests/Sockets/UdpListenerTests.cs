using System.Net;
using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class UdpListenerTests
{
    [TestCase("127.0.0.1", 1)]
    [TestCase("127.0.0.1", 1472)]
    [TestCase("127.0.0.1", 2047)]
    [TestCase("127.0.0.1", 2048)]
    [TestCase("127.0.0.1", 2049)]
    [TestCase("127.0.0.1", 9000)]
    [TestCase("127.0.0.1", 65507)]
    [TestCase("::1", 1)]
    [TestCase("::1", 2049)]
    [TestCase("::1", 65507)]
    public async Task DatagramsOfAnySizePassUncutBothWays(string address, int size)
    {
        using Socket server = Bind(address);
        await using IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        byte[] payload = StreamTransfer.Bytes(size, size);
        IPEndPoint destination = (IPEndPoint)server.LocalEndPoint!;
        await connection.SendToAsync(payload, destination);
        byte[] buffer = new byte[65_536];
        SocketReceiveFromResult request = await server.ReceiveFromAsync(buffer, destination).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(buffer.AsSpan(0, request.ReceivedBytes).SequenceEqual(payload), Is.True);
        await server.SendToAsync(payload, request.RemoteEndPoint);
        Array.Clear(buffer);
        ReceivedDatagram response = await ReceiveAsync(connection, buffer);
        Assert.That(response, Is.EqualTo(new ReceivedDatagram(size, destination, Truncated: false)));
        Assert.That(buffer.AsSpan(0, size).SequenceEqual(payload), Is.True);
    }

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task ASmallBufferIsReportedAsTruncatedAndAnExactOneIsNot(string address)
    {
        using Socket server = Bind(address);
        await using IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        IPEndPoint local = new(IPAddress.Parse(address), ((IPEndPoint)connection.LocalEndPoint!).Port);
        await server.SendToAsync(new byte[100], local);
        await server.SendToAsync(new byte[100], local);
        Assert.That((await ReceiveAsync(connection, new byte[99])) is { Length: 99, Truncated: true }, Is.True);
        Assert.That((await ReceiveAsync(connection, new byte[100])) is { Length: 100, Truncated: false }, Is.True);
    }

    [Test]
    public async Task AnEmptyBufferWaitsAndTakesNothing()
    {
        using Socket server = Bind("127.0.0.1");
        await using IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        Assume.That(connection.CanWaitForData, Is.True);
        Task<ReceivedDatagram> wait = connection.ReceiveFromAsync(Memory<byte>.Empty).AsTask();
        await Task.Delay(30);
        Assert.That(wait.IsCompleted, Is.False);
        await server.SendToAsync("abc"u8.ToArray(), new IPEndPoint(IPAddress.Loopback, ((IPEndPoint)connection.LocalEndPoint!).Port));
        Assert.That((await wait.WaitAsync(TimeSpan.FromSeconds(10))).Length, Is.Zero);
        byte[] buffer = new byte[65_536];
        Assert.That((await ReceiveAsync(connection, buffer)).Length, Is.EqualTo(3));
    }

    [Test]
    public async Task EmptyDatagramsAreReceived()
    {
        using Socket server = Bind("127.0.0.1");
        await using IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        IPEndPoint local = new(IPAddress.Loopback, ((IPEndPoint)connection.LocalEndPoint!).Port);
        await server.SendToAsync(ReadOnlyMemory<byte>.Empty, local);
        ReceivedDatagram datagram = await ReceiveAsync(connection, new byte[65_536]);
        Assert.That(datagram, Is.EqualTo(new ReceivedDatagram(0, (IPEndPoint)server.LocalEndPoint!, false)));
    }

    [Test]
    public async Task SourcesAreTheSameObjectForTheSamePeer()
    {
        using Socket server = Bind("127.0.0.1");
        using Socket other = Bind("::1");
        await using IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        int port = ((IPEndPoint)connection.LocalEndPoint!).Port;
        List<IPEndPoint?> sources = [];
        for (int i = 0; i < 4; i++)
        {
            await server.SendToAsync(new byte[1], new IPEndPoint(IPAddress.Loopback, port));
            sources.Add((await ReceiveAsync(connection, new byte[65_536])).Source);
            await other.SendToAsync(new byte[1], new IPEndPoint(IPAddress.IPv6Loopback, port));
            sources.Add((await ReceiveAsync(connection, new byte[65_536])).Source);
        }

        Assert.That(sources[2], Is.SameAs(sources[0]));
        Assert.That(sources[3], Is.SameAs(sources[1]));
        Assert.That(sources[0]!.AddressFamily, Is.EqualTo(AddressFamily.InterNetwork));
        Assert.That(sources[1], Is.EqualTo(other.LocalEndPoint));
    }

    [Test]
    public async Task MorePeersThanTheCacheHoldsAreStillToldApart()
    {
        await using IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        int port = ((IPEndPoint)connection.LocalEndPoint!).Port;
        for (int i = 0; i < 200; i++)
        {
            using Socket server = Bind("127.0.0.1");
            await connection.SendToAsync(new byte[] { (byte)i }, (IPEndPoint)server.LocalEndPoint!);
            byte[] buffer = new byte[10];
            SocketReceiveFromResult request = await server.ReceiveFromAsync(buffer, server.LocalEndPoint!).WaitAsync(TimeSpan.FromSeconds(10));
            Assert.That((request.ReceivedBytes, buffer[0]), Is.EqualTo((1, (byte)i)));
            await server.SendToAsync(new byte[1], new IPEndPoint(IPAddress.Loopback, port));
            Assert.That((await ReceiveAsync(connection, new byte[65_536])).Source, Is.EqualTo(server.LocalEndPoint));
        }
    }

    [Test]
    public async Task ATooLargeDatagramIsAnErrorAndTheSocketLives()
    {
        using Socket server = Bind("127.0.0.1");
        await using IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(
            async () => await connection.SendToAsync(new byte[65_508], (IPEndPoint)server.LocalEndPoint!));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.MessageTooLarge));
        await connection.SendToAsync(new byte[1], (IPEndPoint)server.LocalEndPoint!);
        byte[] buffer = new byte[10];
        Assert.That((await server.ReceiveFromAsync(buffer, server.LocalEndPoint!).WaitAsync(TimeSpan.FromSeconds(10))).ReceivedBytes, Is.EqualTo(1));
    }

    [Test]
    public async Task CancellingAReceiveLosesNoDatagram()
    {
        using Socket server = Bind("127.0.0.1");
        await using IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        using CancellationTokenSource cancel = new();
        Task<ReceivedDatagram> receive = connection.ReceiveFromAsync(new byte[65_536], cancel.Token).AsTask();
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await connection.ReceiveFromAsync(new byte[1]));
        await cancel.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => receive);
        await server.SendToAsync(new byte[5], new IPEndPoint(IPAddress.Loopback, ((IPEndPoint)connection.LocalEndPoint!).Port));
        Assert.That((await ReceiveAsync(connection, new byte[65_536])).Length, Is.EqualTo(5));
    }

    [Test]
    public async Task DisposingEndsAPendingReceive()
    {
        IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        Task<ReceivedDatagram> receive = connection.ReceiveFromAsync(new byte[65_536]).AsTask();
        await connection.DisposeAsync();
        await connection.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => receive.WaitAsync(TimeSpan.FromSeconds(10)));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await connection.SendToAsync(new byte[1], new IPEndPoint(IPAddress.Loopback, 9)));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await connection.ReceiveFromAsync(new byte[1]));
    }

    [TestCase("127.0.0.1", AddressFamily.InterNetwork)]
    [TestCase("::ffff:127.0.0.1", AddressFamily.InterNetwork)]
    [TestCase("0.0.0.0", AddressFamily.InterNetwork)]
    [TestCase("::1", AddressFamily.InterNetworkV6)]
    [TestCase("::", AddressFamily.InterNetworkV6)]
    public async Task TheLocalAddressIsAsAsked(string local, AddressFamily family)
    {
        UdpListener listener = new() { LocalEndPoint = new IPEndPoint(IPAddress.Parse(local), 0) };
        await using IPacketConnection connection = await listener.ListenPacketAsync();
        IPEndPoint bound = (IPEndPoint)connection.LocalEndPoint!;
        IPAddress asked = IPAddress.Parse(local);
        Assert.That(bound.Address, Is.EqualTo(asked.IsIPv4MappedToIPv6 ? asked.MapToIPv4() : asked));
        Assert.That((bound.AddressFamily, bound.Port), Is.EqualTo((family, bound.Port)).And.Not.EqualTo((family, 0)));
    }

    [Test]
    public async Task TheConfiguratorSeesEachSocketUnbound()
    {
        List<(bool Bound, EndPoint? Remote)> seen = [];
        UdpListener listener = new((socket, remote) => seen.Add((socket.IsBound, remote)));
        await using IPacketConnection first = await listener.ListenPacketAsync();
        await using IPacketConnection second = await listener.ListenPacketAsync();
        Assert.That(seen, Is.EqualTo(new (bool, EndPoint?)[] { (false, null), (false, null) }));
    }

    [Test]
    public async Task AThrowingConfiguratorFailsTheListener()
    {
        UdpListener listener = new((_, _) => throw new SocketException((int)SocketError.AccessDenied));
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await listener.ListenPacketAsync());
        Assert.That(exception.Error, Is.EqualTo(NetworkError.AccessDenied));
    }

    [Test]
    public async Task ATakenLocalAddressIsReported()
    {
        using Socket taken = Bind("127.0.0.1");
        UdpListener listener = new() { LocalEndPoint = (IPEndPoint)taken.LocalEndPoint! };
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await listener.ListenPacketAsync());
        Assert.That(exception.Error, Is.EqualTo(NetworkError.AddressInUse));
    }

    private static Socket Bind(string address)
    {
        IPEndPoint local = new(IPAddress.Parse(address), 0);
        Socket socket = new(local.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(local);
        return socket;
    }

    private static async Task<ReceivedDatagram> ReceiveAsync(IPacketConnection connection, Memory<byte> buffer) =>
        await connection.ReceiveFromAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
}
