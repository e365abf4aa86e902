using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network.Tests;

internal sealed class UdpDialerTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task AnEndpointConnectsToItsAddress(string address)
    {
        using Socket server = Bind(address);
        IPEndPoint remote = (IPEndPoint)server.LocalEndPoint!;
        UdpEndpoint endpoint = new(remote);
        await using IConnectedPacketConnection connection = await endpoint.ConnectPacketAsync();
        Assert.That((endpoint.RemoteEndPoint, connection.RemoteEndPoint), Is.EqualTo((remote, remote)));
        await EchoAsync(connection, server);
    }

    [Test]
    public async Task AnEndpointConnectsToAName()
    {
        using Socket server = new(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp) { DualMode = true };
        server.Bind(new IPEndPoint(IPAddress.IPv6Any, 0));
        UdpEndpoint endpoint = new(new DnsEndPoint("localhost", ((IPEndPoint)server.LocalEndPoint!).Port));
        await using IConnectedPacketConnection connection = await endpoint.ConnectPacketAsync();
        Assert.That(IPAddress.IsLoopback(((IPEndPoint)connection.RemoteEndPoint!).Address), Is.True);
        await EchoAsync(connection, server);
    }

    [Test]
    public async Task ADialerTakesTextAndNamedPorts()
    {
        List<EndPoint> dialled = [];
        await using IConnectedPacketConnection connection = await new UdpDialer().DialPacketAsync("127.0.0.1:9");
        IPacketDialer dialer = PacketDialer.FromFunc((remote, _) =>
        {
            dialled.Add(remote);
            return ValueTask.FromResult(connection);
        });
        Assert.That(await dialer.DialPacketAsync("resolver.example:domain"), Is.SameAs(connection));
        Assert.That(dialled, Is.EqualTo(new EndPoint[] { new DnsEndPoint("resolver.example", 53) }));
        Assert.That(() => dialer.DialPacketAsync("resolver.example"), Throws.TypeOf<FormatException>());
    }

    [Test]
    public async Task AnIPv4MappedAddressIsDialledAsIPv4()
    {
        using Socket server = Bind("127.0.0.1");
        IPEndPoint remote = (IPEndPoint)server.LocalEndPoint!;
        await using IConnectedPacketConnection connection = await new UdpDialer().DialPacketAsync(new IPEndPoint(remote.Address.MapToIPv6(), remote.Port));
        Assert.That(connection.RemoteEndPoint, Is.EqualTo(remote));
        await EchoAsync(connection, server);
    }

    [Test]
    public async Task TheConfiguratorSeesEachSocketBeforeItIsConnected()
    {
        List<(bool Connected, bool Bound, EndPoint? Remote)> seen = [];
        SocketConfigurator configurator = (socket, remote) => seen.Add((socket.Connected, socket.IsBound, remote));
        IPEndPoint discard = new(IPAddress.Loopback, 9);
        await using IConnectedPacketConnection first = await new UdpDialer(configurator).DialPacketAsync(discard);
        await using IConnectedPacketConnection second = await new UdpEndpoint(discard, configurator).ConnectPacketAsync();
        Assert.That(seen, Is.EqualTo(new (bool, bool, EndPoint?)[] { (false, false, discard), (false, false, discard) }));
    }

    [Test]
    public async Task AThrowingConfiguratorFailsTheDialAndClosesTheSocket()
    {
        Socket? created = null;
        UdpDialer dialer = new((socket, _) =>
        {
            created = socket;
            throw new InvalidOperationException("no protection");
        });
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dialer.DialPacketAsync(new IPEndPoint(IPAddress.Loopback, 9)));
        Assert.That(exception.InnerException, Is.TypeOf<InvalidOperationException>());
        Assert.That(created!.SafeHandle.IsClosed, Is.True);
    }

    [TestCase("127.0.0.1:0")]
    [TestCase("0.0.0.0:53")]
    [TestCase("[::]:53")]
    [TestCase("[::ffff:0.0.0.0]:53")]
    public async Task WhoCanBeNobodysPeerIsRefusedWithoutASocket(string address)
    {
        UdpDialer dialer = new((_, _) => Assert.Fail("A socket was opened."));
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dialer.DialPacketAsync(address));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.AddressNotAvailable));
    }

    [Test]
    public async Task WrongArgumentsAreRejected()
    {
        UdpDialer dialer = new();
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await dialer.DialPacketAsync((EndPoint)null!));
        await Assert.ThrowsAsync<ArgumentException>(async () => await dialer.DialPacketAsync(new UnixDomainSocketEndPoint("/nowhere")));
        await Assert.CatchAsync<OperationCanceledException>(async () => await dialer.DialPacketAsync(new IPEndPoint(IPAddress.Loopback, 9), new CancellationToken(canceled: true)));
        Assert.That(() => new UdpEndpoint(null!), Throws.ArgumentNullException);
        Assert.That(() => new UdpEndpoint(new UnixDomainSocketEndPoint("/nowhere")), Throws.ArgumentException);
        Assert.That(() => PacketDialer.FromFunc(null!), Throws.ArgumentNullException);
        Assert.That(() => PacketEndpoint.FromFunc(null!), Throws.ArgumentNullException);
        Assert.That(() => PacketEndpoint.FromDialer(null!, new IPEndPoint(1, 1)), Throws.ArgumentNullException);
        Assert.That(() => PacketEndpoint.FromDialer(dialer, null!), Throws.ArgumentNullException);
        Assert.That(() => PacketListener.FromFunc(null!), Throws.ArgumentNullException);
    }

    [Test]
    public async Task AnUnknownNameSaysSo()
    {
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await new UdpDialer().DialPacketAsync("no-such-host.invalid:53"));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.NameNotResolved));
    }

    [Test]
    public async Task AnEndpointOfAFunctionOrADialerPassesEverythingOn()
    {
        using CancellationTokenSource cancel = new();
        await using IConnectedPacketConnection connection = await new UdpDialer().DialPacketAsync("127.0.0.1:9");
        List<(EndPoint?, CancellationToken)> calls = [];
        IPacketEndpoint ofFunction = PacketEndpoint.FromFunc(token =>
        {
            calls.Add((null, token));
            return ValueTask.FromResult(connection);
        });
        IPEndPoint remote = new(IPAddress.Loopback, 9);
        IPacketEndpoint ofDialer = PacketEndpoint.FromDialer(
            PacketDialer.FromFunc((dialled, token) =>
            {
                calls.Add((dialled, token));
                return ValueTask.FromResult(connection);
            }),
            remote);
        Assert.That(await ofFunction.ConnectPacketAsync(cancel.Token), Is.SameAs(connection));
        Assert.That(await ofDialer.ConnectPacketAsync(cancel.Token), Is.SameAs(connection));
        Assert.That(calls, Is.EqualTo(new (EndPoint?, CancellationToken)[] { (null, cancel.Token), (remote, cancel.Token) }));
    }

    [Test]
    public async Task ASendMayMeetAnEarlierRefusalAndTheNextOneGoesOut()
    {
        Assume.That(OperatingSystem.IsLinux(), Is.True);
        using Socket reserved = Bind("127.0.0.1");
        IPEndPoint remote = (IPEndPoint)reserved.LocalEndPoint!;
        reserved.Dispose();
        await using IConnectedPacketConnection connection = await new UdpDialer().DialPacketAsync(remote);
        await connection.SendAsync(new byte[1]);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await connection.SendAsync(new byte[2]));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.PortUnreachable));
        using Socket server = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(remote);
        await EchoAsync(connection, server);
    }

    private static async Task EchoAsync(IConnectedPacketConnection connection, Socket server)
    {
        await connection.SendAsync("request"u8.ToArray());
        byte[] buffer = new byte[100];
        SocketReceiveFromResult request = await server.ReceiveFromAsync(buffer, server.LocalEndPoint!).WaitAsync(s_limit);
        Assert.That(request.ReceivedBytes, Is.EqualTo(7));
        await server.SendToAsync("response"u8.ToArray(), request.RemoteEndPoint);
        ReceivedDatagram response = await connection.ReceiveAsync(buffer).AsTask().WaitAsync(s_limit);
        Assert.That(response, Is.EqualTo(new ReceivedDatagram(8, (IPEndPoint)connection.RemoteEndPoint!, Truncated: false)));
    }

    private static Socket Bind(string address)
    {
        IPEndPoint local = new(IPAddress.Parse(address), 0);
        Socket socket = new(local.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(local);
        return socket;
    }
}
