using System.Net;
using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Sessions over real sockets.</summary>
internal sealed class PacketListenerProxySocketTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task DatagramsOfAnySizeAreIntactBothWays(string address)
    {
        using Socket server = Bind(address);
        IPEndPoint destination = (IPEndPoint)server.LocalEndPoint!;
        PacketListenerProxy proxy = new(new UdpListener());
        RecordingReceiver receiver = new();
        await using IPacketRequestSender sender = await proxy.NewSessionAsync(receiver);
        byte[] buffer = new byte[65_536];
        foreach (int size in new[] { 1, 1472, 2047, 2048, 2049, 9000, 65_507 })
        {
            byte[] payload = StreamTransfer.Bytes(size, size);
            await sender.WriteToAsync(payload, destination);
            SocketReceiveFromResult request = await server.ReceiveFromAsync(buffer, destination).WaitAsync(s_limit);
            Assert.That(buffer.AsSpan(0, request.ReceivedBytes).SequenceEqual(payload), Is.True);
            await server.SendToAsync(buffer.AsMemory(0, request.ReceivedBytes), request.RemoteEndPoint);
            (byte[] response, IPEndPoint source) = await receiver.NextAsync();
            Assert.That(response.AsSpan().SequenceEqual(payload), Is.True);
            Assert.That(source, Is.EqualTo(destination));
        }

        // One byte more than the UDP length field of IPv6 can say; IPv4 holds 20 bytes less.
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await sender.WriteToAsync(new byte[65_528], destination));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.MessageTooLarge));
        PacketListenerProxyStatistics statistics = proxy.GetStatistics();
        Assert.That((statistics.DatagramsSent, statistics.DatagramsReceived, statistics.SendErrors, statistics.ReceiveErrors), Is.EqualTo((7L, 7L, 1L, 0L)));
    }

    [Test]
    public async Task AnyRemoteMayAnswer()
    {
        using Socket asked = Bind("127.0.0.1");
        using Socket other = Bind("127.0.0.1");
        RecordingReceiver receiver = new();
        await using IPacketRequestSender sender = await new PacketListenerProxy(new UdpListener()).NewSessionAsync(receiver);
        await sender.WriteToAsync(new byte[1], (IPEndPoint)asked.LocalEndPoint!);
        SocketReceiveFromResult request = await asked.ReceiveFromAsync(new byte[10], asked.LocalEndPoint!).WaitAsync(s_limit);
        await other.SendToAsync(new byte[] { 5 }, request.RemoteEndPoint);
        (byte[] payload, IPEndPoint source) = await receiver.NextAsync();
        Assert.That((payload[0], source), Is.EqualTo(((byte)5, (IPEndPoint)other.LocalEndPoint!)));
    }

    [Test]
    public async Task ExpiryAndDisposalCloseTheSocket()
    {
        ManualTimeProvider time = new();
        List<Socket> sockets = [];
        PacketListenerProxy proxy = new(new UdpListener((socket, _) => sockets.Add(socket)), new PacketListenerProxyOptions { TimeProvider = time });
        RecordingReceiver expiring = new();
        IPacketRequestSender expired = await proxy.NewSessionAsync(expiring);
        time.Advance(TimeSpan.FromSeconds(31));
        await expiring.Disposed.WaitAsync(s_limit);
        IPacketRequestSender disposed = await proxy.NewSessionAsync(new RecordingReceiver());
        await disposed.DisposeAsync();
        await expired.DisposeAsync();
        Assert.That(sockets.ConvertAll(socket => socket.SafeHandle.IsClosed), Is.EqualTo(new[] { true, true }));
        Assert.That(proxy.GetStatistics().ActiveSessions, Is.Zero);
    }

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task A_refused_destination_costs_the_session_nothing_else(string address)
    {
        using Socket server = Bind(address);
        IPEndPoint refusing;
        using (Socket gone = Bind(address))
        {
            refusing = (IPEndPoint)gone.LocalEndPoint!;
        }

        PacketListenerProxy proxy = new(new UdpListener());
        RecordingReceiver receiver = new();
        await using IPacketRequestSender sender = await proxy.NewSessionAsync(receiver);
        byte[] buffer = new byte[16];
        for (byte i = 0; i < 50; i++)
        {
            try
            {
                await sender.WriteToAsync(new byte[] { 0xFF }, refusing);
            }
            catch (NetworkException exception)
            {
                Assert.That(exception.Error, Is.EqualTo(NetworkError.PortUnreachable));
            }

            await sender.WriteToAsync(new[] { i }, (IPEndPoint)server.LocalEndPoint!);
            SocketReceiveFromResult request = await server.ReceiveFromAsync(buffer, server.LocalEndPoint!).WaitAsync(s_limit);
            await server.SendToAsync(buffer.AsMemory(0, request.ReceivedBytes), request.RemoteEndPoint);
            Assert.That((await receiver.NextAsync()).Payload, Is.EqualTo(new[] { i }));
        }

        Assert.That((receiver.DisposeCount, proxy.GetStatistics().ActiveSessions), Is.EqualTo((0, 1L)));
    }

    private static Socket Bind(string address)
    {
        IPEndPoint local = new(IPAddress.Parse(address), 0);
        Socket socket = new(local.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(local);
        return socket;
    }
}
