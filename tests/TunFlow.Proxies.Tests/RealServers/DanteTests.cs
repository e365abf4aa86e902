using System.Net;
using System.Net.Sockets;

namespace TunFlow.Proxies.Tests;

/// <summary>A real server that relays TCP and UDP, with and without authentication.</summary>
[TestFixture("127.0.0.1", false)]
[TestFixture("127.0.0.1", true)]
[TestFixture("::1", false)]
[TestFixture("::1", true)]
internal sealed class DanteTests(string address, bool authenticated)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly IPAddress _address = IPAddress.Parse(address);
    private string _folder = null!;
    private ServerProcess _server = null!;

    private Socks5Credentials? Credentials => authenticated ? new Socks5Credentials(Dante.UserName, Dante.Password) : null;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _folder = Directory.CreateTempSubdirectory("tunflow-danted").FullName;
        _server = await Dante.StartAsync(_address, authenticated, _folder);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task A_megabyte_passes_both_ways_and_both_ends_are_seen([Values] bool pipelined)
    {
        using EchoServer echo = new(_address);
        Socks5StreamDialer dialer = new(_server.EndPoint, Credentials) { PipelinesHandshake = pipelined };
        await using StreamConnection connection = await dialer.DialStreamAsync(echo.EndPoint).AsTask().WaitAsync(s_limit);
        await EchoServer.AssertEchoesAsync(connection, 1 << 20).WaitAsync(s_limit);
        Assert.That(dialer.PipelinesHandshake, Is.EqualTo(pipelined), "this server copes");
    }

    [Test]
    public async Task A_name_is_resolved_by_the_server()
    {
        using EchoServer echo = new(_address);
        Socks5StreamDialer dialer = new(_server.EndPoint, Credentials);
        await using StreamConnection connection = await dialer.DialStreamAsync(new DnsEndPoint(Dante.HostName, echo.EndPoint.Port)).AsTask().WaitAsync(s_limit);
        await EchoServer.AssertEchoesAsync(connection, 1000).WaitAsync(s_limit);
    }

    [Test]
    public async Task A_refusal_is_a_refusal()
    {
        IPEndPoint nobody;
        using (EchoServer gone = new(_address))
        {
            nobody = gone.EndPoint;
        }

        Socks5StreamDialer dialer = new(_server.EndPoint, Credentials);
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dialer.DialStreamAsync(nobody).AsTask().WaitAsync(s_limit));
        Assert.That((exception.Error, exception.Reply), Is.EqualTo((NetworkError.ConnectionRefused, (Socks5Reply?)Socks5Reply.ConnectionRefused)));
    }

    [Test]
    public async Task A_rule_that_forbids_is_told()
    {
        Socks5StreamDialer dialer = new(_server.EndPoint, Credentials);
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dialer.DialStreamAsync(IPEndPoint.Parse(_address.AddressFamily == AddressFamily.InterNetwork ? "127.0.0.66:9" : "[2001:db8::66]:9")).AsTask().WaitAsync(s_limit));
        Assert.That((exception.Error, exception.Reply), Is.EqualTo((NetworkError.AccessDenied, (Socks5Reply?)Socks5Reply.NotAllowed)));
    }

    [Test]
    public async Task Wrong_credentials_are_told()
    {
        Socks5Credentials wrong = new(Dante.UserName, "wrong horse");
        Socks5StreamDialer dialer = new(_server.EndPoint, wrong);
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dialer.DialStreamAsync(new IPEndPoint(_address, 9)).AsTask().WaitAsync(s_limit));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((authenticated ? Socks5Stage.Authentication : Socks5Stage.Method, NetworkError.AccessDenied)));
        Assert.That(exception.ToString(), Does.Not.Contain("horse"));
    }

    [Test]
    public async Task Credentials_that_are_missing_or_not_asked_for_are_told()
    {
        Socks5StreamDialer dialer = new(_server.EndPoint, authenticated ? null : new Socks5Credentials(Dante.UserName, Dante.Password));
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dialer.DialStreamAsync(new IPEndPoint(_address, 9)).AsTask().WaitAsync(s_limit));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((Socks5Stage.Method, NetworkError.AccessDenied)));
    }

    [Test]
    public async Task Datagrams_of_many_sizes_pass_both_ways_with_several_peers([Values] bool pipelined)
    {
        Socks5PacketListener listener = new(_server.EndPoint, Credentials) { PipelinesHandshake = pipelined };
        await using IPacketConnection connection = await listener.ListenPacketAsync().AsTask().WaitAsync(s_limit);
        byte[] buffer = new byte[65_536];
        for (int i = 0; i < 3; i++)
        {
            using Socket peer = new(_address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            peer.Bind(new IPEndPoint(_address, 0));
            IPEndPoint destination = (IPEndPoint)peer.LocalEndPoint!;
            foreach (int size in (int[])[1, 512, 1472, 2049, 9000, 16_385, 40_000])
            {
                byte[] payload = StreamTransfer.Bytes(size, size + i);
                await connection.SendToAsync(payload, destination);
                SocketReceiveFromResult request = await peer.ReceiveFromAsync(buffer, destination).WaitAsync(s_limit);
                Assert.That(buffer.AsSpan(0, request.ReceivedBytes).SequenceEqual(payload), Is.True);
                await peer.SendToAsync(payload, request.RemoteEndPoint);
                Assert.That(await connection.ReceiveFromAsync(buffer).AsTask().WaitAsync(s_limit), Is.EqualTo(new ReceivedDatagram(size, destination, Truncated: false)));
                Assert.That(buffer.AsSpan(0, size).SequenceEqual(payload), Is.True);
            }
        }

        Assert.That(listener.GetStatistics(), Is.EqualTo(new Socks5PacketListenerStatistics { ActiveAssociations = 1, AssociationsOpened = 1 }));
    }

    [Test]
    public async Task An_association_lives_as_long_as_its_connection()
    {
        // A server of its own, which is killed.
        string folder = Directory.CreateTempSubdirectory("tunflow-danted").FullName;
        try
        {
            ServerProcess server = await Dante.StartAsync(_address, authenticated, folder);
            IPacketConnection connection;
            Task<ReceivedDatagram> receive;
            await using (server)
            {
                Socks5PacketListener listener = new(server.EndPoint, Credentials);
                connection = await listener.ListenPacketAsync().AsTask().WaitAsync(s_limit);
                receive = connection.ReceiveFromAsync(new byte[100]).AsTask();
                await Task.Delay(50);
                Assert.That(receive.IsCompleted, Is.False);
            }

            NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => receive.WaitAsync(s_limit));
            Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
            await connection.DisposeAsync();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
