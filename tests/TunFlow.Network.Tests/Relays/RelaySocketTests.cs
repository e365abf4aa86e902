using System.Net;
using System.Net.Sockets;
using TunFlow.Network.Relays;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Relays and adapters over real sockets.</summary>
internal sealed class RelaySocketTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    [TestCase("Listener", "127.0.0.1")]
    [TestCase("Listener", "::1")]
    [TestCase("Timeout", "127.0.0.1")]
    [TestCase("Proxy", "::1")]
    [TestCase("RoundTrip", "127.0.0.1")]
    public async Task DatagramsOfAnySizeAreIntactBothWays(string kind, string address)
    {
        using Socket server = Bind(address);
        IPEndPoint destination = (IPEndPoint)server.LocalEndPoint!;
        await using IPacketAssociation association = await Create(kind).NewAssociationAsync();
        byte[] buffer = new byte[65_536];
        foreach (int size in new[] { 1, 1472, 2047, 2048, 2049, 9000, 65_507 })
        {
            byte[] payload = StreamTransfer.Bytes(size, size);
            await association.SendPacketAsync(payload, destination);
            SocketReceiveFromResult request = await server.ReceiveFromAsync(buffer, destination).WaitAsync(s_limit);
            Assert.That(buffer.AsSpan(0, request.ReceivedBytes).SequenceEqual(payload), Is.True);
            await server.SendToAsync(buffer.AsMemory(0, request.ReceivedBytes), request.RemoteEndPoint);
            Array.Clear(buffer);
            await association.ReceivePacketAsync(Memory<byte>.Empty).AsTask().WaitAsync(s_limit);
            ReceivedDatagram response = await association.ReceivePacketAsync(buffer).AsTask().WaitAsync(s_limit);
            Assert.That(buffer.AsSpan(0, response.Length).SequenceEqual(payload), Is.True);
            Assert.That((response.Source, response.Truncated), Is.EqualTo((destination, false)));
        }

        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await association.SendPacketAsync(new byte[65_528], destination));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.MessageTooLarge));
    }

    [TestCase("Listener")]
    [TestCase("RoundTrip")]
    public async Task ARefusingDestinationIsReportedByAReceiveAndOthersGoOn(string kind)
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Ignore("Only Linux tells an unconnected socket which destination refused.");
        }

        using Socket server = Bind("127.0.0.1");
        IPEndPoint nobody;
        using (Socket gone = Bind("127.0.0.1"))
        {
            nobody = (IPEndPoint)gone.LocalEndPoint!;
        }

        await using IPacketAssociation association = await Create(kind).NewAssociationAsync();
        await association.SendPacketAsync(new byte[1], nobody);
        NetworkException report = await Assert.ThrowsAsync<NetworkException>(async () => await association.ReceivePacketAsync(new byte[100]).AsTask().WaitAsync(s_limit));
        Assert.That((report.Error, report.Destination), Is.EqualTo((NetworkError.PortUnreachable, nobody)));
        await association.SendPacketAsync(new byte[3], (IPEndPoint)server.LocalEndPoint!);
        SocketReceiveFromResult request = await server.ReceiveFromAsync(new byte[10], server.LocalEndPoint!).WaitAsync(s_limit);
        await server.SendToAsync(new byte[2], request.RemoteEndPoint);
        Assert.That((await association.ReceivePacketAsync(new byte[100]).AsTask().WaitAsync(s_limit)).Length, Is.EqualTo(2));
    }

    [Test]
    public async Task DisposalAndExpiryCloseTheSocketAndEndABlockedReceive()
    {
        ManualTimeProvider time = new();
        List<Socket> sockets = [];
        PacketListenerRelay relay = new(new UdpListener((socket, _) => sockets.Add(socket)), TimeSpan.FromSeconds(30), time);
        IPacketAssociation expiring = await relay.NewAssociationAsync();
        Task<ReceivedDatagram> first = expiring.ReceivePacketAsync(new byte[100]).AsTask();
        time.Advance(TimeSpan.FromSeconds(30));
        NetworkException closed = await Assert.ThrowsAsync<NetworkException>(() => first.WaitAsync(s_limit));
        Assert.That(closed.Error, Is.EqualTo(NetworkError.Closed));
        IPacketAssociation disposed = await relay.NewAssociationAsync();
        Task<ReceivedDatagram> second = disposed.ReceivePacketAsync(Memory<byte>.Empty).AsTask();
        await disposed.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => second.WaitAsync(s_limit));
        Assert.That(sockets.ConvertAll(socket => socket.SafeHandle.IsClosed), Is.EqualTo(new[] { true, true }));
        Assert.That((relay.GetStatistics().ActiveAssociations, time.ActiveTimers), Is.EqualTo((0L, 0)));
        await expiring.DisposeAsync();
    }

    private static IPacketRelay Create(string kind)
    {
        PacketListenerRelay relay = new(new UdpListener(), TimeSpan.FromMinutes(5));
        return kind switch
        {
            "Listener" => relay,
            "Timeout" => new TimeoutPacketRelay(relay, TimeSpan.FromMinutes(1)),
            "Proxy" => new PacketListenerProxy(new UdpListener()).AsPacketRelay(),
            _ => relay.AsPacketProxy().AsPacketRelay(),
        };
    }

    private static Socket Bind(string address)
    {
        IPEndPoint local = new(IPAddress.Parse(address), 0);
        Socket socket = new(local.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(local);
        return socket;
    }
}
