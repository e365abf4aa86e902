using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Linux;

/// <summary>Less than a hundredth of a byte of managed memory is allocated per packet between a kernel TUN and plain sockets.</summary>
[TestFixture]
[Category("Campaign")]
[NonParallelizable]
[SupportedOSPlatform("linux")]
internal sealed class SteadyTunnelTests
{
    private const int Segment = 1460;
    private const int Remotes = 64;
    private const int Window = 32;
    private const int Datagram = 1000;

    private readonly byte[] _sending = new byte[64 * 1024];
    private readonly byte[] _receiving = new byte[64 * 1024];

    [SetUp]
    public void RequireOptimizedCode() => Allocation.NeedsOptimizedCode(typeof(LwipDevice));

    [TestCase(true)]
    [TestCase(false)]
    public async Task Segments(bool up)
    {
        using Socket listener = TcpLoopback.Listen();
        TcpDialer dialer = new();
        await using TunnelHost host = TunnelHost.Start(
            new FakeDialer { OnDial = (_, token) => dialer.DialStreamAsync(listener.LocalEndPoint!, token) }, new FakePacketProxy());
        // Blocking all the way: a blocking call on a socket that was ever used asynchronously allocates.
        using Socket client = host.CreateSocket(AddressFamily.InterNetwork, SocketType.Stream);
        client.Connect(IPEndPoint.Parse("198.51.100.1:80"));
        using Socket server = listener.Accept();
        (Socket from, Socket to) = up ? (client, server) : (server, client);
        await Allocation.AssertSteadyAsync(packets =>
        {
            long left = (long)packets * Segment;
            while (left > 0)
            {
                int piece = (int)Math.Min(left, _sending.Length);
                for (int sent = 0; sent < piece;)
                    sent += from.Send(_sending, sent, piece - sent, SocketFlags.None);
                for (int received = 0; received < piece;)
                    received += to.Receive(_receiving, 0, piece - received, SocketFlags.None);
                left -= piece;
            }
        });
    }

    [Test]
    public async Task Datagrams_to_64_remotes_and_their_answers()
    {
        Socket[] servers = OpenServers();
        int port = ((IPEndPoint)servers[0].LocalEndPoint!).Port;
        await using TunnelHost host = TunnelHost.Start(new FakeDialer(), new NeighboursProxy(new PacketListenerProxy(new UdpListener()), Remotes, port));
        using Socket client = host.CreateSocket(AddressFamily.InterNetwork, SocketType.Dgram);
        client.Bind(new IPEndPoint(IPAddress.Any, 0));
        client.ReceiveTimeout = 20_000;
        SocketAddress[] remotes = [.. Enumerable.Range(1, Remotes).Select(i => NeighboursProxy.Remote(i, port).Serialize())];
        SocketAddress from = new(AddressFamily.InterNetwork);

        // A datagram and its answer: two packets.
        await Allocation.AssertSteadyAsync(packets =>
        {
            for (int sent = 0; sent < packets / 2; sent += Window)
            {
                for (int i = 0; i < Window; i++)
                    client.SendTo(_sending.AsSpan(0, Datagram), SocketFlags.None, remotes[(sent + i) % Remotes]);
                for (int i = 0; i < Window; i++)
                {
                    Socket server = servers[(sent + i) % Remotes];
                    server.SendTo(_sending.AsSpan(0, server.ReceiveFrom(_receiving, SocketFlags.None, from)), SocketFlags.None, from);
                }

                for (int i = 0; i < Window; i++)
                    client.Receive(_receiving, SocketFlags.None);
            }
        });
        foreach (Socket server in servers)
            server.Dispose();
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
