using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>Datagrams through the stack, the packet proxy and real sockets.</summary>
[TestFixture]
internal sealed class RealDatagramTests
{
    private static readonly IPEndPoint s_app = IPEndPoint.Parse("10.9.0.2:5000");

    private readonly List<Socket> _servers = [];
    private PacketListenerProxy _proxy = null!;
    private LwipDevice? _device;
    private PacketLink _link = null!;

    [SetUp]
    public void SetUpDevice()
    {
        NativeLibraryRequirement.Check();
        _proxy = new PacketListenerProxy(new UdpListener());
        _device = new LwipDevice(new FakeDialer(), new LoopbackProxy(_proxy));
        _link = new PacketLink(_device);
    }

    [TearDown]
    public async Task TearDownDevice()
    {
        if (_device is not null)
            await _device.DisposeAsync();
        foreach (Socket server in _servers)
            server.Dispose();
        _servers.Clear();
    }

    /// <summary>What STUN asks for (RFC 5780 section 4): behind two servers the same mapping, and a third may answer.</summary>
    [Test]
    [AcceptanceRow(27)]
    public async Task Two_servers_see_the_same_mapping_and_a_third_address_that_was_never_asked_gets_through_to_it()
    {
        IPEndPoint first = Serve(2, static (server, _, from) => server.SendTo(Encoding.ASCII.GetBytes(from.ToString()), from));
        IPEndPoint second = Serve(3, static (server, _, from) => server.SendTo(Encoding.ASCII.GetBytes(from.ToString()), from));
        Socket third = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        _servers.Add(third);
        third.Bind(IPEndPoint.Parse("127.0.0.4:0"));

        string mapped = Encoding.ASCII.GetString((await AskAsync(first, "who am I"u8.ToArray())).Payload);
        string mappedAgain = Encoding.ASCII.GetString((await AskAsync(second, "who am I"u8.ToArray())).Payload);
        third.SendTo("unasked"u8.ToArray(), IPEndPoint.Parse(mapped));
        (byte[] payload, IPEndPoint source) = await NextAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(mappedAgain, Is.EqualTo(mapped));
            Assert.That(payload, Is.EqualTo("unasked"u8.ToArray()));
            Assert.That(source, Is.EqualTo(new IPEndPoint(IPAddress.Parse("198.51.100.4"), ((IPEndPoint)third.LocalEndPoint!).Port)));
            Assert.That(_device!.GetStatistics().SessionsOpened, Is.EqualTo(1));
        }
    }

    [TestCase(1)]
    [TestCase(1472)]
    [TestCase(2047)]
    [TestCase(2048)]
    [TestCase(2049)]
    [TestCase(9000)]
    [TestCase(65_507)]
    [Weakness(17)]
    [AcceptanceRow(25)]
    public async Task A_datagram_of_any_length_arrives_whole_at_a_real_server_and_its_answer_comes_back_whole(int length)
    {
        byte[] seen = [];
        IPEndPoint server = Serve(2, (socket, datagram, from) =>
        {
            seen = datagram;
            socket.SendTo(datagram, from);
        });
        byte[] payload = new byte[length];
        new Random(length).NextBytes(payload);

        (byte[] answer, IPEndPoint source) = await AskAsync(server, payload);

        Assert.That((seen.Length, answer.Length, source), Is.EqualTo((length, length, server)));
        Assert.That(seen.AsSpan().SequenceEqual(payload) && answer.AsSpan().SequenceEqual(payload), Is.True, "intact");
    }

    /// <summary>A server on 127.0.0.n; the result is its address in front of the proxy.</summary>
    private IPEndPoint Serve(int number, Action<Socket, byte[], IPEndPoint> handle)
    {
        Socket server = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        _servers.Add(server);
        server.Bind(new IPEndPoint(IPAddress.Parse($"127.0.0.{number}"), 0));
        _ = Task.Run(async () =>
        {
            byte[] buffer = new byte[65_536];
            try
            {
                while (true)
                {
                    SocketReceiveFromResult result = await server.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
                    handle(server, buffer.AsSpan(0, result.ReceivedBytes).ToArray(), (IPEndPoint)result.RemoteEndPoint);
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        });
        return new IPEndPoint(IPAddress.Parse($"198.51.100.{number}"), ((IPEndPoint)server.LocalEndPoint!).Port);
    }

    private async Task<(byte[] Payload, IPEndPoint Source)> AskAsync(IPEndPoint server, byte[] payload)
    {
        byte[] datagram = PacketBuilder.UdpDatagram(s_app, server, payload);
        foreach (byte[] packet in datagram.Length <= _device!.Mtu ? [datagram] : PacketBuilder.Fragment(datagram, 1480))
            _link.Send(packet);
        return await NextAsync();
    }

    /// <summary>The next datagram for the application, put together from its fragments, which come in order.</summary>
    private async Task<(byte[] Payload, IPEndPoint Source)> NextAsync()
    {
        List<byte> datagram = [];
        while (true)
        {
            ParsedPacket packet = await _link.NextAsync();
            ushort fragment = BinaryPrimitives.ReadUInt16BigEndian(packet.Raw.AsSpan(6));
            Assert.That((fragment & 0x1FFF) * 8, Is.EqualTo(datagram.Count), "the fragment's place");
            datagram.AddRange(packet.Raw.AsSpan(20));
            if ((fragment & 0x2000) != 0)
                continue;
            byte[] bytes = [.. datagram];
            Assert.That(InternetSum.Transport(packet.Source.Address.GetAddressBytes(), packet.Destination.Address.GetAddressBytes(), PacketBuilder.Udp, bytes), Is.Zero, "checksum");
            return (bytes[8..], new IPEndPoint(packet.Source.Address, BinaryPrimitives.ReadUInt16BigEndian(bytes)));
        }
    }
}
