using System.Net;
using System.Net.Sockets;

namespace TunFlow.Proxies.Tests;

/// <summary>A connection after the handshake is as good as one without: what is in front of the server's end was read exactly.</summary>
[SideBySide]
[TestFixture("127.0.0.1", false)]
[TestFixture("::1", true)]
internal sealed class Socks5StreamConformanceTests(string address, bool authenticated) : StreamConnectionConformance
{
    protected override async Task<ConnectionPair> ConnectAsync()
    {
        using Socket listener = TcpLoopback.Listen(IPAddress.Parse(address));
        Task<StreamConnection> accept = AcceptAsync(listener);
        StreamConnection client = await new Socks5StreamDialer(listener.LocalEndPoint!, authenticated ? SocksWire.Credentials : null).DialStreamAsync(SocksWire.Remote);
        return new ConnectionPair(client, await accept);
    }

    private async Task<StreamConnection> AcceptAsync(Socket listener)
    {
        Socket socket = await listener.AcceptAsync();
        socket.NoDelay = true;
        StreamConnection peer = StreamConnection.Create(socket);
        byte[] hello = new byte[SocksWire.Client(authenticated).Length];
        await peer.ReadExactlyAsync(hello);
        Assert.That(hello, Is.EqualTo(SocksWire.Client(authenticated)));
        await peer.WriteAsync(SocksWire.Grant(authenticated, SocksWire.BoundName));
        return peer;
    }
}

/// <summary>An association with one peer.</summary>
[TestFixture("127.0.0.1", 65_497)]
[TestFixture("::1", 65_505)]
internal sealed class Socks5PacketConformanceTests(string address, int largest) : ConnectedPacketConformance
{
    private SocksUdpServer _server = null!;

    protected override IPAddress Address { get; } = IPAddress.Parse(address);

    // What IPv4 carries is 65,507 bytes, and IPv6 65,527; the header of SOCKS5 takes 10 of them, or 22.
    protected override int LargestPayload => largest;

    // The protocol has no way to.
    protected override bool TellsRefusals => false;

    protected override IPEndPoint SubjectEndPoint => _server.Outside;

    protected override async ValueTask<IConnectedPacketConnection> DialAsync(IPEndPoint peer)
    {
        _server = new SocksUdpServer(address);
        IConnectedPacketConnection connection = await new PacketListenerDialer(new Socks5PacketListener(_server.EndPoint)).DialPacketAsync(peer);
        _server.Learn(connection.LocalEndPoint!);
        return connection;
    }

    [TearDown]
    public async Task StopServerAsync() => await _server.DisposeAsync();
}
