using System.Net;
using System.Net.Sockets;

namespace TunFlow.Proxies.Tests;

/// <summary>Opening associations: what the server is asked for, where its relay is, and what is left when it fails.</summary>
internal sealed class Socks5PacketListenerTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);
    private static readonly byte[] s_associate = [5, 3, 0, 1, 0, 0, 0, 0, 0, 0];

    [Test]
    public void Arguments_that_are_missing_or_wrong_are_refused_at_once()
    {
        ScriptedServer server = ScriptedServer.Sending([]);
        ScriptedRelay relay = new();
        Assert.That(() => new Socks5PacketListener(null!), Throws.ArgumentNullException);
        Assert.That(() => new Socks5PacketListener(null!, relay, ScriptedServer.EndPoint), Throws.ArgumentNullException);
        Assert.That(() => new Socks5PacketListener(server, null!, ScriptedServer.EndPoint), Throws.ArgumentNullException);
        Assert.That(() => new Socks5PacketListener(server, relay, null!), Throws.ArgumentNullException);
        Assert.That(() => new Socks5PacketListener(new UnixDomainSocketEndPoint("/tmp/x")), Throws.ArgumentException);
        Assert.That(() => new Socks5PacketListener(server, relay, ScriptedServer.EndPoint) { Timeout = TimeSpan.Zero }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Socks5PacketListener(server, relay, ScriptedServer.EndPoint) { TimeProvider = null! }, Throws.ArgumentNullException);
        Socks5PacketListener listener = new(server, relay, ScriptedServer.EndPoint);
        Assert.That((listener.Timeout, listener.TimeProvider, listener.PipelinesHandshake), Is.EqualTo((TimeSpan.FromSeconds(20), TimeProvider.System, true)));
        Assert.That(() => listener.ListenPacketAsync(new CancellationToken(canceled: true)).AsTask(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(server.Dialled, Is.Empty);
        Assert.That(listener.GetStatistics(), Is.EqualTo(default(Socks5PacketListenerStatistics)));
    }

    [TestCase("192.0.2.10:1080", "01000000000000")]
    [TestCase("[::ffff:192.0.2.10]:1080", "01000000000000")]
    [TestCase("[2001:db8::10]:1080", "04000000000000000000000000000000000000")]
    public async Task An_association_is_asked_for_with_zeros_of_the_servers_family(string address, string zeros)
    {
        byte[] got = [];
        ScriptedServer server = new(async (peer, _) =>
        {
            byte[] buffer = new byte[600];
            got = buffer[..await peer.ReadAsync(buffer)];
            await ScriptedServer.SendAsync(peer, SocksWire.Grant(false, SocksWire.BoundIPv4));
        });
        ScriptedRelay relay = new();
        Socks5PacketListener listener = new(server, relay, IPEndPoint.Parse(address));
        await using IPacketConnection connection = await listener.ListenPacketAsync().AsTask().WaitAsync(s_limit);
        Assert.That(Convert.ToHexString(got), Is.EqualTo($"050100050300{zeros}"));
        Assert.That(relay.Dialled, Is.EqualTo(new[] { IPEndPoint.Parse("192.0.2.1:4660") }));
        Assert.That(connection.LocalEndPoint, Is.EqualTo(relay.Socket.LocalEndPoint));
        Assert.That(listener.GetStatistics(), Is.EqualTo(new Socks5PacketListenerStatistics { ActiveAssociations = 1, AssociationsOpened = 1 }));
    }

    [Test]
    public async Task An_association_is_made_with_credentials_and_in_the_strict_order_too()
    {
        ScriptedServer server = new(async (peer, _) =>
        {
            await SocksWire.ExpectAsync(peer, SocksWire.Method(true));
            await peer.WriteAsync(new byte[] { 5, 2 });
            await SocksWire.ExpectAsync(peer, SocksWire.Authentication());
            await peer.WriteAsync(new byte[] { 1, 0 });
            await SocksWire.ExpectAsync(peer, s_associate);
            await ScriptedServer.SendAsync(peer, [5, 0, 0, .. SocksWire.BoundIPv6]);
        });
        ScriptedRelay relay = new();
        Socks5PacketListener listener = new(server, relay, ScriptedServer.EndPoint, SocksWire.Credentials) { PipelinesHandshake = false };
        await (await listener.ListenPacketAsync().AsTask().WaitAsync(s_limit)).DisposeAsync();
        Assert.That(relay.Dialled, Is.EqualTo(new[] { IPEndPoint.Parse("[2001:db8::1]:4660") }));
        await server.AssertAllDisposedAsync(1);
        Assert.That(relay.Socket.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task An_unspecified_bound_address_is_the_servers([Values("0.0.0.0", "::", "::ffff:0.0.0.0")] string bound)
    {
        byte[] address = IPAddress.Parse(bound).GetAddressBytes();
        byte[] grant = SocksWire.Grant(false, [(byte)(address.Length == 4 ? 1 : 4), .. address, 0x12, 0x34]);
        ScriptedRelay relay = new();
        await (await new Socks5PacketListener(ScriptedServer.Sending(grant), relay, IPEndPoint.Parse("[2001:db8::10]:1080")).ListenPacketAsync().AsTask().WaitAsync(s_limit)).DisposeAsync();
        Assert.That(relay.Dialled, Is.EqualTo(new[] { IPEndPoint.Parse("[2001:db8::10]:4660") }));

        // Of a server that was given by name: where the connection leads to, and if that is not known the name.
        ScriptedServer server = ScriptedServer.Sending(grant);
        foreach (EndPoint? remote in (EndPoint?[])[IPEndPoint.Parse("192.0.2.99:1080"), null])
        {
            IStreamDialer dialer = StreamDialer.FromFunc(async (endPoint, token) =>
                StreamConnection.Create(await server.DialStreamAsync(endPoint, token), new StreamConnectionOptions { RemoteEndPoint = remote }));
            await (await new Socks5PacketListener(dialer, relay, new DnsEndPoint("socks.example", 1080)).ListenPacketAsync().AsTask().WaitAsync(s_limit)).DisposeAsync();
        }

        Assert.That(relay.Dialled.Skip(1), Is.EqualTo(new EndPoint[] { IPEndPoint.Parse("192.0.2.99:4660"), new DnsEndPoint("socks.example", 4660) }));
    }

    [Test]
    public async Task A_bound_name_is_the_relay_dialers()
    {
        ScriptedRelay relay = new();
        await (await new Socks5PacketListener(ScriptedServer.Sending(SocksWire.Grant(false, SocksWire.BoundName)), relay, ScriptedServer.EndPoint).ListenPacketAsync().AsTask().WaitAsync(s_limit)).DisposeAsync();
        Assert.That(relay.Dialled, Is.EqualTo(new[] { new DnsEndPoint("host.example", 4660) }));
    }

    [TestCase(new byte[] { 1, 192, 0, 2, 1, 0, 0 }, NetworkError.ProtocolViolation)]
    [TestCase(new byte[] { 3, 0, 1, 1 }, NetworkError.ProtocolViolation)]
    [TestCase(new byte[] { 3, 2, 32, 32, 1, 1 }, NetworkError.ProtocolViolation)]
    [TestCase(new byte[] { 1, 0, 0, 0, 0, 1, 1 }, NetworkError.AddressNotAvailable)]
    public async Task A_relay_without_a_usable_address_is_told_and_the_connection_disposed(byte[] bound, NetworkError error)
    {
        ScriptedServer server = ScriptedServer.Sending(SocksWire.Grant(false, bound));
        ScriptedRelay relay = new();
        Socks5PacketListener listener = new(server, relay, new UnixDomainSocketEndPoint("/run/socks"));
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => listener.ListenPacketAsync().AsTask().WaitAsync(s_limit));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((Socks5Stage.Relay, error)));
        await server.AssertAllDisposedAsync(1);
        Assert.That(relay.Dialled, Is.Empty);
        Assert.That(listener.GetStatistics().AssociationsOpened, Is.Zero);
    }

    [Test]
    public async Task A_server_without_UDP_says_so()
    {
        ScriptedServer server = ScriptedServer.Sending([5, 0, 5, 7]);
        ScriptedRelay relay = new();
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => new Socks5PacketListener(server, relay, ScriptedServer.EndPoint).ListenPacketAsync().AsTask().WaitAsync(s_limit));
        Assert.That((exception.Stage, exception.Error, exception.Reply), Is.EqualTo((Socks5Stage.Request, NetworkError.NotSupported, (Socks5Reply?)Socks5Reply.CommandNotSupported)));
        Assert.That(exception.Message, Does.Contain("an association for UDP"));
        await server.AssertAllDisposedAsync(1);
        Assert.That(relay.Dialled, Is.Empty);
    }

    [Test, Weakness(30)]
    public async Task A_relay_that_can_not_be_opened_frees_the_connection()
    {
        ScriptedServer server = ScriptedServer.Sending(SocksWire.Grant(true, SocksWire.BoundIPv4));
        NetworkException unreachable = new(NetworkError.NetworkUnreachable, "no route");
        ScriptedRelay relay = new() { OnDial = _ => throw unreachable };
        Socks5PacketListener listener = new(server, relay, ScriptedServer.EndPoint, SocksWire.Credentials);
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => listener.ListenPacketAsync().AsTask().WaitAsync(s_limit));
        Assert.That((exception.Stage, exception.Error, exception.InnerException), Is.EqualTo((Socks5Stage.Relay, NetworkError.NetworkUnreachable, unreachable)));
        SocksWire.AssertNoSecrets(exception);
        await server.AssertAllDisposedAsync(1);
        Assert.That(listener.GetStatistics(), Is.EqualTo(default(Socks5PacketListenerStatistics)));
    }

    [Test, Weakness(30)]
    public async Task A_relay_that_takes_too_long_to_open_is_given_up_and_disposed_late([Values] bool byTimeout)
    {
        ManualTimeProvider time = new();
        TaskCompletionSource opens = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedServer server = ScriptedServer.Sending(SocksWire.Grant(false, SocksWire.BoundIPv4));
        ScriptedRelay relay = new() { OnDial = _ => new ValueTask(opens.Task) };
        Socks5PacketListener listener = new(server, relay, ScriptedServer.EndPoint) { TimeProvider = time };
        using CancellationTokenSource cancellation = new();
        Task<IPacketConnection> open = listener.ListenPacketAsync(cancellation.Token).AsTask();
        await Eventually.IsAsync(() => relay.Dialled.Count == 1, "the relay is dialled");
        if (byTimeout)
        {
            time.Advance(TimeSpan.FromSeconds(20));
            Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => open.WaitAsync(s_limit));
            Assert.That((exception.Stage, exception.Error), Is.EqualTo((Socks5Stage.Relay, NetworkError.TimedOut)));
        }
        else
        {
            await cancellation.CancelAsync();
            OperationCanceledException exception = await Assert.CatchAsync<OperationCanceledException>(() => open.WaitAsync(s_limit));
            Assert.That(exception.CancellationToken, Is.EqualTo(cancellation.Token));
        }

        await server.AssertAllDisposedAsync(1);
        opens.SetResult();
        await Eventually.IsAsync(() => relay.Sockets is [{ DisposeCount: 1 }], "the late socket is disposed");
    }

    [Test, Weakness(30)]
    public async Task Cancelling_ends_a_stall_after_each_byte()
    {
        byte[] grant = SocksWire.Grant(true, SocksWire.BoundIPv4);
        for (int sent = 0; sent < grant.Length; sent++)
        {
            ScriptedServer server = ScriptedServer.Sending(grant[..sent]);
            using CancellationTokenSource cancellation = new();
            Socks5PacketListener listener = new(server, new ScriptedRelay(), ScriptedServer.EndPoint, SocksWire.Credentials) { TimeProvider = new ManualTimeProvider() };
            Task<IPacketConnection> open = listener.ListenPacketAsync(cancellation.Token).AsTask();
            await Eventually.IsAsync(() => server.Connections is [{ IsReading: true }], "the client waits");
            await cancellation.CancelAsync();
            await Assert.CatchAsync<OperationCanceledException>(() => open.WaitAsync(s_limit));
            await server.AssertAllDisposedAsync(1);
        }
    }

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task The_configurator_sees_the_socket_of_each_kind(string address)
    {
        await using SocksUdpServer server = new(address);
        List<(SocketType Type, EndPoint? Remote)> seen = [];
        Socks5PacketListener listener = new(server.EndPoint, credentials: null, (socket, remote) => seen.Add((socket.SocketType, remote)));
        await (await listener.ListenPacketAsync()).DisposeAsync();
        Assert.That(seen, Is.EqualTo(new (SocketType, EndPoint?)[] { (SocketType.Stream, server.EndPoint), (SocketType.Dgram, server.Relay) }));
    }

    [Test]
    public async Task The_relay_of_a_named_server_with_an_unspecified_address_is_where_its_connection_leads()
    {
        await using SocksUdpServer server = new();
        server.Bound = SocksUdpServer.Header(new IPEndPoint(IPAddress.Any, server.Relay.Port))[3..];
        List<EndPoint?> seen = [];
        Socks5PacketListener listener = new(new DnsEndPoint("localhost", server.EndPoint.Port, AddressFamily.InterNetwork), credentials: null, (socket, remote) => seen.Add(remote));
        await using IPacketConnection connection = await listener.ListenPacketAsync().AsTask().WaitAsync(s_limit);
        Assert.That(seen, Is.EqualTo(new[] { server.EndPoint, server.Relay }));
    }

    [Test, Weakness(30)]
    public async Task A_server_that_hangs_sees_the_connection_end_when_the_client_gives_up([Values] bool stream)
    {
        using Socket server = TcpLoopback.Listen();
        using CancellationTokenSource cancellation = new();
        Task open = stream
            ? new Socks5StreamDialer(server.LocalEndPoint!, SocksWire.Credentials).DialStreamAsync(SocksWire.Remote, cancellation.Token).AsTask()
            : new Socks5PacketListener(server.LocalEndPoint!, SocksWire.Credentials).ListenPacketAsync(cancellation.Token).AsTask();
        using Socket accepted = await server.AcceptAsync().WaitAsync(s_limit);
        byte[] buffer = new byte[600];
        Assert.That(await accepted.ReceiveAsync(buffer).WaitAsync(s_limit), Is.GreaterThan(3));
        Task<int> end = accepted.ReceiveAsync(buffer);

        await cancellation.CancelAsync();

        await Assert.CatchAsync<OperationCanceledException>(() => open.WaitAsync(s_limit));
        SocketException exception = await Assert.ThrowsAsync<SocketException>(() => end.WaitAsync(s_limit));
        Assert.That(exception.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
    }
}
