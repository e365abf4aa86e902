using System.Net;
using Moq;

namespace TunFlow.Network.Tests;

internal sealed class PacketListenerDialerTests
{
    private static readonly IPEndPoint s_peer = new(IPAddress.Parse("192.0.2.1"), 53);
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    [Test]
    public async Task ForeignDatagramsAreDroppedAndCounted()
    {
        FakePacketConnection socket = new();
        PacketListenerDialer dialer = Dialer(socket);
        await using IConnectedPacketConnection connection = await dialer.DialPacketAsync(s_peer);
        socket.Receives([1], new IPEndPoint(s_peer.Address, 54));
        socket.Receives([2], new IPEndPoint(IPAddress.Parse("192.0.2.2"), 53));
        socket.Receives([3], source: null);
        socket.Receives([4], IPEndPoint.Parse("[2001:db8::1]:53"), truncated: true);
        socket.Receives([5, 5], s_peer);
        byte[] buffer = new byte[10];
        Assert.That(await connection.ReceiveAsync(buffer), Is.EqualTo(new ReceivedDatagram(2, s_peer, Truncated: false)));
        Assert.That((buffer[0], dialer.ForeignDatagrams), Is.EqualTo((5, 4)));
    }

    [TestCase("192.0.2.1:53", "[::ffff:192.0.2.1]:53")]
    [TestCase("[::ffff:192.0.2.1]:53", "192.0.2.1:53")]
    [TestCase("[::ffff:192.0.2.1]:53", "[::ffff:192.0.2.1]:53")]
    [TestCase("[fe80::1%7]:53", "[fe80::1]:53")]
    public async Task TheSameAddressInAnotherFormIsThePeer(string dialled, string source)
    {
        FakePacketConnection socket = new();
        PacketListenerDialer dialer = Dialer(socket);
        await using IConnectedPacketConnection connection = await dialer.DialPacketAsync(IPEndPoint.Parse(dialled));
        socket.Receives([1], IPEndPoint.Parse(source));
        ReceivedDatagram datagram = await connection.ReceiveAsync(new byte[10]).AsTask().WaitAsync(s_limit);
        Assert.That((datagram.Length, datagram.Source, dialer.ForeignDatagrams), Is.EqualTo((1, connection.RemoteEndPoint, 0)));
    }

    [Test]
    public async Task AZoneOfAnotherInterfaceIsSomebodyElse()
    {
        FakePacketConnection socket = new();
        PacketListenerDialer dialer = Dialer(socket);
        await using IConnectedPacketConnection connection = await dialer.DialPacketAsync(IPEndPoint.Parse("[fe80::1%7]:53"));
        socket.Receives([1], IPEndPoint.Parse("[fe80::1%8]:53"));
        socket.Receives([2, 2], IPEndPoint.Parse("[fe80::1%7]:53"));
        Assert.That(((await connection.ReceiveAsync(new byte[10])).Length, dialer.ForeignDatagrams), Is.EqualTo((2, 1)));
    }

    [Test]
    public async Task SendsGoToThePeer()
    {
        FakePacketConnection socket = new();
        await using IConnectedPacketConnection connection = await Dialer(socket).DialPacketAsync(new IPEndPoint(s_peer.Address.MapToIPv6(), 53));
        await connection.SendAsync(new byte[] { 7 });
        Assert.That(socket.Sent, Has.Count.EqualTo(1));
        Assert.That((socket.Sent[0].Payload, socket.Sent[0].Destination), Is.EqualTo((new byte[] { 7 }, s_peer)));
    }

    [TestCase("0.0.0.0:53")]
    [TestCase("192.0.2.1:0")]
    [TestCase("[::]:53")]
    public async Task AnInvalidAddressOpensNoSocket(string address)
    {
        PacketListenerDialer dialer = new(new Mock<IPacketListener>(MockBehavior.Strict).Object);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dialer.DialPacketAsync(address));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.AddressNotAvailable));
    }

    [Test]
    public async Task ANameIsResolvedBeforeASocketIsOpened()
    {
        using CancellationTokenSource cancel = new();
        DnsEndPoint name = new("resolver.example", 53);
        NetworkException failure = new(NetworkError.NameNotResolved);
        List<(DnsEndPoint, CancellationToken)> asked = [];
        PacketListenerDialer failing = new(new Mock<IPacketListener>(MockBehavior.Strict).Object) { Resolve = (_, _) => throw failure };
        Assert.That(await Assert.ThrowsAsync<NetworkException>(async () => await failing.DialPacketAsync(name)), Is.SameAs(failure));
        FakePacketConnection socket = new();
        PacketListenerDialer dialer = new(PacketListener.FromFunc(_ => ValueTask.FromResult<IPacketConnection>(socket)))
        {
            Resolve = (asks, token) =>
            {
                asked.Add((asks, token));
                return ValueTask.FromResult(s_peer);
            },
        };
        await using IConnectedPacketConnection connection = await dialer.DialPacketAsync(name, cancel.Token);
        Assert.That(connection.RemoteEndPoint, Is.EqualTo(s_peer));
        Assert.That(asked, Is.EqualTo(new[] { (name, cancel.Token) }));
    }

    [Test]
    public async Task WithoutAResolverTheSystemResolves()
    {
        FakePacketConnection socket = new();
        await using IConnectedPacketConnection connection = await Dialer(socket).DialPacketAsync("localhost:53");
        Assert.That(IPAddress.IsLoopback(((IPEndPoint)connection.RemoteEndPoint!).Address), Is.True);
    }

    [Test]
    public async Task WhatFailsAfterTheSocketIsOpenDisposesIt()
    {
        Mock<IPacketConnection> broken = new();
        broken.Setup(connection => connection.LocalEndPoint).Throws(new InvalidOperationException("broken"));
        PacketListenerDialer dialer = new(PacketListener.FromFunc(_ => ValueTask.FromResult(broken.Object)));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await dialer.DialPacketAsync(s_peer));
        broken.Verify(connection => connection.DisposeAsync(), Times.Once);

        using CancellationTokenSource cancel = new();
        FakePacketConnection late = new();
        PacketListenerDialer cancelled = new(PacketListener.FromFunc(async _ =>
        {
            await cancel.CancelAsync();
            return late;
        }));
        await Assert.ThrowsAsync<OperationCanceledException>(async () => await cancelled.DialPacketAsync(s_peer, cancel.Token));
        Assert.That(late.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task ASocketThatSomebodyElseClosedIsClosedAndNotDisposed()
    {
        FakePacketConnection socket = new();
        await using IConnectedPacketConnection connection = await Dialer(socket).DialPacketAsync(s_peer);
        Task<ReceivedDatagram> receive = connection.ReceiveAsync(new byte[10]).AsTask();
        await socket.DisposeAsync();
        Assert.That((await Assert.ThrowsAsync<NetworkException>(() => receive)).Error, Is.EqualTo(NetworkError.Closed));
        Assert.That((await Assert.ThrowsAsync<NetworkException>(async () => await connection.SendAsync(new byte[1]))).Error, Is.EqualTo(NetworkError.Closed));
    }

    [Test]
    public async Task AnErrorOfOneDatagramLeavesTheSocketUsable()
    {
        FakePacketConnection socket = new();
        await using IConnectedPacketConnection connection = await Dialer(socket).DialPacketAsync(s_peer);
        socket.FailsToReceive(new NetworkException(NetworkError.PortUnreachable));
        socket.Receives([1], s_peer);
        Assert.That((await Assert.ThrowsAsync<NetworkException>(async () => await connection.ReceiveAsync(new byte[10]))).Error, Is.EqualTo(NetworkError.PortUnreachable));
        Assert.That((await connection.ReceiveAsync(new byte[10])).Length, Is.EqualTo(1));
    }

    [Test]
    public async Task WrongArgumentsAreRejected()
    {
        Assert.That(() => new PacketListenerDialer(null!), Throws.ArgumentNullException);
        PacketListenerDialer dialer = new(new Mock<IPacketListener>(MockBehavior.Strict).Object);
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await dialer.DialPacketAsync((EndPoint)null!));
        await Assert.ThrowsAsync<ArgumentException>(async () => await dialer.DialPacketAsync(new System.Net.Sockets.UnixDomainSocketEndPoint("/nowhere")));
        await Assert.ThrowsAsync<OperationCanceledException>(async () => await dialer.DialPacketAsync(s_peer, new CancellationToken(canceled: true)));
    }

    private static PacketListenerDialer Dialer(FakePacketConnection socket) => new(PacketListener.FromFunc(_ => ValueTask.FromResult<IPacketConnection>(socket)));
}
