using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Lwip.Tests.Linux;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Steady;

/// <summary>A tunnel between a kernel TUN and plain sockets.</summary>
[SupportedOSPlatform("linux")]
internal sealed class SteadyTunnel : ISteadyTraffic
{
    private const int Segment = 1460;
    private const int Remotes = 64;
    private const int Window = 32;
    private const int Datagram = 1000;

    private readonly byte[] _sending = new byte[64 * 1024];
    private readonly byte[] _receiving = new byte[64 * 1024];
    private readonly SocketAddress _from = new(AddressFamily.InterNetwork);
    private readonly List<IDisposable> _owned = [];
    private readonly Socket[] _servers;
    private SocketAddress[] _remotes = [];
    private TunnelHost? _host;
    private Socket? _client;
    private Socket? _server;
    private SteadyPath _path;

    private SteadyTunnel() => _servers = OpenServers();

    /// <remarks>The sockets block all the way: a blocking call on one that was ever used asynchronously allocates.</remarks>
    public static SteadyTunnel Open(SteadyPath path)
    {
        SteadyTunnel result = new() { _path = path };
        if (path == SteadyPath.TunnelDatagrams)
            result.OpenDatagrams();
        else
            result.OpenStream();
        return result;
    }

    public void Pass(int packets)
    {
        if (_path == SteadyPath.TunnelDatagrams)
            Echo(packets / 2);
        else if (_path == SteadyPath.TunnelStreamUp)
            Stream(_client!, _server!, (long)packets * Segment);
        else
            Stream(_server!, _client!, (long)packets * Segment);
    }

    public async ValueTask DisposeAsync()
    {
        await _host!.DisposeAsync();
        foreach (IDisposable owned in _owned)
            owned.Dispose();
        foreach (Socket server in _servers)
            server.Dispose();
    }

    private void OpenStream()
    {
        Socket listener = TcpLoopback.Listen();
        TcpDialer dialer = new();
        _host = TunnelHost.Start(new FakeDialer { OnDial = (_, token) => dialer.DialStreamAsync(listener.LocalEndPoint!, token) }, new FakePacketProxy());
        _client = _host.CreateSocket(AddressFamily.InterNetwork, SocketType.Stream);
        _client.Connect(IPEndPoint.Parse("198.51.100.1:80"));
        _server = listener.Accept();
        _owned.AddRange([_client, _server, listener]);
    }

    private void OpenDatagrams()
    {
        int port = ((IPEndPoint)_servers[0].LocalEndPoint!).Port;
        _remotes = [.. Enumerable.Range(1, Remotes).Select(i => NeighboursProxy.Remote(i, port).Serialize())];
        _host = TunnelHost.Start(new FakeDialer(), new NeighboursProxy(new PacketListenerProxy(new UdpListener()), Remotes, port));
        _client = _host.CreateSocket(AddressFamily.InterNetwork, SocketType.Dgram);
        _client.Bind(new IPEndPoint(IPAddress.Any, 0));
        _client.ReceiveTimeout = 20_000;
        _owned.Add(_client);
    }

    private void Stream(Socket from, Socket to, long left)
    {
        while (left > 0)
        {
            int piece = (int)Math.Min(left, _sending.Length);
            for (int sent = 0; sent < piece;)
                sent += from.Send(_sending, sent, piece - sent, SocketFlags.None);
            for (int received = 0; received < piece;)
                received += to.Receive(_receiving, 0, piece - received, SocketFlags.None);
            left -= piece;
        }
    }

    private void Echo(int datagrams)
    {
        for (int sent = 0; sent < datagrams; sent += Window)
        {
            for (int i = 0; i < Window; i++)
                _client!.SendTo(_sending.AsSpan(0, Datagram), SocketFlags.None, _remotes[(sent + i) % Remotes]);
            for (int i = 0; i < Window; i++)
            {
                Socket server = _servers[(sent + i) % Remotes];
                server.SendTo(_sending.AsSpan(0, server.ReceiveFrom(_receiving, SocketFlags.None, _from)), SocketFlags.None, _from);
            }

            for (int i = 0; i < Window; i++)
                _client!.Receive(_receiving, SocketFlags.None);
        }
    }

    /// <summary>One for each address from 127.0.0.1 on, with the same port.</summary>
    private static Socket[] OpenServers()
    {
        Socket[] servers = new Socket[Remotes];
        int port = 0;
        for (int i = 0; i < Remotes; i++)
        {
            servers[i] = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 20_000 };
            servers[i].Bind(new IPEndPoint(new IPAddress([127, 0, 0, (byte)(i + 1)]), port));
            port = ((IPEndPoint)servers[i].LocalEndPoint!).Port;
        }

        return servers;
    }
}
