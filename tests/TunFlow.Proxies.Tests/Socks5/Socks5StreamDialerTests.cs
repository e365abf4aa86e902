using System.Net;
using System.Net.Sockets;

namespace TunFlow.Proxies.Tests;

/// <summary>What a server gets, and what becomes of what it answers.</summary>
internal sealed class Socks5StreamDialerTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    private static readonly (Socks5Reply Reply, NetworkError Error)[] s_replies =
    [
        (Socks5Reply.GeneralFailure, NetworkError.Unknown),
        (Socks5Reply.NotAllowed, NetworkError.AccessDenied),
        (Socks5Reply.NetworkUnreachable, NetworkError.NetworkUnreachable),
        (Socks5Reply.HostUnreachable, NetworkError.HostUnreachable),
        (Socks5Reply.ConnectionRefused, NetworkError.ConnectionRefused),
        (Socks5Reply.TtlExpired, NetworkError.TimedOut),
        (Socks5Reply.CommandNotSupported, NetworkError.NotSupported),
        (Socks5Reply.AddressTypeNotSupported, NetworkError.NotSupported),
        ((Socks5Reply)9, NetworkError.Unknown),
        ((Socks5Reply)0xF0, NetworkError.Unknown),
        ((Socks5Reply)0xFF, NetworkError.Unknown),
    ];

    [Test]
    public void Arguments_that_are_missing_or_wrong_are_refused_at_once()
    {
        ScriptedServer server = ScriptedServer.Sending([]);
        Assert.That(() => new Socks5StreamDialer(null!), Throws.ArgumentNullException);
        Assert.That(() => new Socks5StreamDialer(null!, ScriptedServer.EndPoint), Throws.ArgumentNullException);
        Assert.That(() => new Socks5StreamDialer(server, null!), Throws.ArgumentNullException);
        Assert.That(() => new Socks5StreamDialer(new UnixDomainSocketEndPoint("/tmp/x")), Throws.ArgumentException);
        Assert.That(() => new Socks5StreamDialer(server, ScriptedServer.EndPoint) { Timeout = TimeSpan.Zero }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Socks5StreamDialer(server, ScriptedServer.EndPoint) { Timeout = TimeSpan.FromDays(30) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Socks5StreamDialer(server, ScriptedServer.EndPoint) { TimeProvider = null! }, Throws.ArgumentNullException);
        Socks5StreamDialer dialer = new(server, ScriptedServer.EndPoint);
        Assert.That(() => dialer.DialStreamAsync((EndPoint)null!), Throws.ArgumentNullException);
        Assert.That(() => dialer.DialStreamAsync(new UnixDomainSocketEndPoint("/tmp/x")), Throws.ArgumentException);
        Assert.That(() => dialer.DialStreamAsync(new DnsEndPoint(new string('a', 256), 1)), Throws.ArgumentException);
        Assert.That(() => dialer.DialStreamAsync("noport"), Throws.TypeOf<FormatException>());
        Assert.That(() => dialer.DialStreamAsync("host.example:noport"), Throws.TypeOf<FormatException>());
        Assert.That(server.Dialled, Is.Empty);
        Assert.That((dialer.Timeout, dialer.TimeProvider, dialer.PipelinesHandshake), Is.EqualTo((TimeSpan.FromSeconds(20), TimeProvider.System, true)));
    }

    [Test]
    public async Task A_server_that_can_not_be_reached_is_an_error_of_the_connect()
    {
        NetworkException refused = new(NetworkError.ConnectionRefused, "nobody there");
        Socks5StreamDialer dialer = new(StreamDialer.FromFunc((_, _) => throw refused), ScriptedServer.EndPoint, SocksWire.Credentials);
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dialer.DialStreamAsync(SocksWire.Remote).AsTask());
        Assert.That((exception.Stage, exception.Error, exception.Reply, exception.InnerException), Is.EqualTo((Socks5Stage.Connect, NetworkError.ConnectionRefused, (Socks5Reply?)null, refused)));
        Assert.That(exception.Message, Does.Contain("192.0.2.10:1080"));
        Assert.That(dialer.PipelinesHandshake, Is.True);
    }

    [Test]
    public async Task The_server_may_be_whatever_the_dialer_dials()
    {
        ScriptedServer server = ScriptedServer.Sending(SocksWire.Grant(false, SocksWire.BoundIPv4));
        UnixDomainSocketEndPoint path = new("/run/socks");
        await using StreamConnection connection = await new Socks5StreamDialer(server, path).DialStreamAsync(SocksWire.Remote);
        Assert.That(server.Dialled, Is.EqualTo(new[] { path }));
    }

    [Test]
    public async Task A_cancelled_token_dials_nothing()
    {
        ScriptedServer server = ScriptedServer.Sending([]);
        await Assert.CatchAsync<OperationCanceledException>(() => new Socks5StreamDialer(server, ScriptedServer.EndPoint).DialStreamAsync(SocksWire.Remote, new CancellationToken(canceled: true)).AsTask());
        Assert.That(server.Dialled, Is.Empty);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Everything_is_sent_in_one_write(bool authenticated)
    {
        byte[]? first = null;
        ScriptedServer server = new(async (peer, _) =>
        {
            byte[] buffer = new byte[600];
            first = buffer[..await peer.ReadAsync(buffer)];
            await ScriptedServer.SendAsync(peer, SocksWire.Grant(authenticated, SocksWire.BoundIPv4));
        });
        await using StreamConnection connection = await DialAsync(server, authenticated);
        Assert.That(first, Is.EqualTo(SocksWire.Client(authenticated)));
        Assert.That(connection, Is.SameAs(server.Connections.Single()), "fast paths see the socket");
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task The_strict_order_waits_for_each_answer(bool authenticated)
    {
        ScriptedServer server = new(async (peer, _) =>
        {
            await SocksWire.ServeStrictlyAsync(peer, authenticated, [5, 0, 0, .. SocksWire.BoundIPv4]);
            await ScriptedServer.SendAsync(peer, []);
        });
        await using StreamConnection connection = await DialAsync(server, authenticated, pipelined: false);
        Assert.That(connection, Is.SameAs(server.Connections.Single()));
    }

    [TestCase("198.51.100.7:443", "01C633640701BB")]
    [TestCase("[2001:db8::7]:443", "0420010DB800000000000000000000000701BB")]
    [TestCase("host.example:443", "030C686F73742E6578616D706C6501BB")]
    public async Task Addresses_of_all_kinds_are_asked_for(string remote, string encoded)
    {
        byte[] got = [];
        ScriptedServer server = new(async (peer, _) =>
        {
            byte[] buffer = new byte[600];
            got = buffer[..await peer.ReadAsync(buffer)];
            await ScriptedServer.SendAsync(peer, SocksWire.Grant(false, SocksWire.BoundIPv4));
        });
        await using StreamConnection connection = await new Socks5StreamDialer(server, ScriptedServer.EndPoint).DialStreamAsync(remote);
        Assert.That(Convert.ToHexString(got), Is.EqualTo($"050100050100{encoded}"));
    }

    [Test]
    public async Task The_bound_address_is_skipped_and_what_follows_is_the_applications(
        [ValueSource(typeof(SocksWire), nameof(SocksWire.Bound))] byte[] bound, [Values] bool authenticated, [Values] bool inSingleBytes, [Values] bool pipelined)
    {
        byte[] answer = [.. SocksWire.Grant(authenticated, bound), .. "and more"u8];
        ScriptedServer server = new(async (peer, _) =>
        {
            foreach (byte[] piece in inSingleBytes ? answer.Select(value => new[] { value }) : [answer])
            {
                await peer.WriteAsync(piece);
            }

            await ScriptedServer.SendAsync(peer, []);
        });
        await using StreamConnection connection = await DialAsync(server, authenticated, pipelined);
        byte[] buffer = new byte[8];
        await connection.ReadExactlyAsync(buffer).AsTask().WaitAsync(s_limit);
        Assert.That(buffer, Is.EqualTo("and more"u8.ToArray()));
        Assert.That(connection, Is.SameAs(server.Connections.Single()));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(255)]
    public async Task A_bound_name_of_any_length_is_skipped(int length)
    {
        byte[] answer = [.. SocksWire.Grant(false, [3, (byte)length, .. new byte[length + 2]]), 42];
        await using StreamConnection connection = await DialAsync(ScriptedServer.Sending(answer), authenticated: false);
        byte[] buffer = new byte[10];
        Assert.That(await connection.ReadAsync(buffer).AsTask().WaitAsync(s_limit), Is.EqualTo(1));
        Assert.That(buffer[0], Is.EqualTo(42));
    }

    [Test, Weakness(30)]
    public async Task Each_answer_is_its_own_error_and_the_inner_connection_is_disposed(
        [ValueSource(nameof(s_replies))] (Socks5Reply Reply, NetworkError Error) expected, [Values] bool authenticated, [Values] bool pipelined, [Values] bool truncated)
    {
        byte[] refusal = [.. SocksWire.Grant(authenticated, [])[..^3], 5, (byte)expected.Reply, .. truncated ? (byte[])[] : [0, .. SocksWire.BoundIPv4]];
        ScriptedServer server = ScriptedServer.Sending(refusal, truncated ? ScriptEnd.Close : ScriptEnd.Wait);
        Socks5StreamDialer dialer = Create(server, authenticated, pipelined);
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dialer.DialStreamAsync(SocksWire.Remote).AsTask().WaitAsync(s_limit));
        Assert.That((exception.Stage, exception.Reply, exception.Error), Is.EqualTo((Socks5Stage.Request, (Socks5Reply?)expected.Reply, expected.Error)));
        Assert.That(NetworkErrors.Classify(exception), Is.EqualTo(expected.Error));
        Assert.That(exception.Message, Does.Contain("198.51.100.7:443"));
        await server.AssertAllDisposedAsync(connections: 1);
        SocksWire.AssertNoSecrets(exception);
    }

    [Test]
    public async Task Wrong_credentials_are_refused_once([Values] bool pipelined, [Values(1, 255)] int status)
    {
        ScriptedServer server = ScriptedServer.Sending([5, 2, 1, (byte)status], ScriptEnd.Close);
        Socks5Exception exception = await FailAsync(server, authenticated: true, pipelined);
        Assert.That((exception.Stage, exception.Error, exception.Reply), Is.EqualTo((Socks5Stage.Authentication, NetworkError.AccessDenied, (Socks5Reply?)null)));
        await server.AssertAllDisposedAsync(connections: 1);
    }

    [Test]
    public async Task A_server_that_wants_another_authentication_says_so([Values] bool authenticated)
    {
        ScriptedServer server = ScriptedServer.Sending([5, 0xFF], ScriptEnd.Close);
        Socks5Exception exception = await FailAsync(server, authenticated, pipelined: false);
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((Socks5Stage.Method, NetworkError.AccessDenied)));
        Assert.That(exception.Message, Does.Contain(authenticated ? "does not take a user name and password" : "there are no credentials"));
        await server.AssertAllDisposedAsync(connections: 1);
    }

    [Test]
    public async Task A_status_in_the_version_of_SOCKS_is_taken()
    {
        await using StreamConnection connection = await DialAsync(ScriptedServer.Sending([5, 2, 5, 0, 5, 0, 0, .. SocksWire.BoundIPv4]), authenticated: true);
        Assert.That(connection.CanRead, Is.True);
    }

    [Test]
    public async Task A_hundred_dials_at_once_get_their_own_connections()
    {
        ScriptedServer server = new(async (peer, number) =>
        {
            byte[] buffer = new byte[600];
            int read = await peer.ReadAsync(buffer);
            await ScriptedServer.SendAsync(peer, [.. SocksWire.Grant(false, SocksWire.BoundName), buffer[read - 1]]);
        });
        Socks5StreamDialer dialer = new(server, ScriptedServer.EndPoint);
        byte[] ports = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => Task.Run(async () =>
        {
            await using StreamConnection connection = await dialer.DialStreamAsync(new DnsEndPoint("host.example", i));
            byte[] buffer = new byte[1];
            await connection.ReadExactlyAsync(buffer);
            return buffer[0];
        }))).WaitAsync(s_limit);
        Assert.That(ports, Is.EqualTo(Enumerable.Range(0, 100)));
        await server.AssertAllDisposedAsync(connections: 100);
    }

    [Test]
    public async Task One_server_is_dialled_through_another()
    {
        // The second server is what the first one connects to: its handshake is the first one's payload.
        ScriptedServer server = new(async (peer, _) =>
        {
            await SocksWire.ServeStrictlyAsync(peer, authenticated: true, [5, 0, 0, .. SocksWire.BoundName]);
            await SocksWire.ExpectAsync(peer, [5, 1, 0]);
            await peer.WriteAsync(new byte[] { 5, 0 });
            await SocksWire.ExpectAsync(peer, [5, 1, 0, 3, 12, .. "host.example"u8, 0, 80]);
            await ScriptedServer.SendAsync(peer, [5, 5]);
        });
        Socks5StreamDialer first = Create(server, authenticated: true, pipelined: false);
        Socks5StreamDialer second = new(first, SocksWire.Remote) { PipelinesHandshake = false };
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => second.DialStreamAsync("host.example:80").AsTask().WaitAsync(s_limit));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((Socks5Stage.Request, NetworkError.ConnectionRefused)));
        Assert.That(exception.Message, Does.Contain(SocksWire.Remote.ToString()).And.Contain("host.example:80"));
        await server.AssertAllDisposedAsync(connections: 1);
    }

    private static Socks5StreamDialer Create(ScriptedServer server, bool authenticated, bool pipelined) =>
        new(server, ScriptedServer.EndPoint, authenticated ? SocksWire.Credentials : null) { PipelinesHandshake = pipelined };

    private static async Task<StreamConnection> DialAsync(ScriptedServer server, bool authenticated, bool pipelined = true) =>
        await Create(server, authenticated, pipelined).DialStreamAsync(SocksWire.Remote).AsTask().WaitAsync(s_limit);

    private static async Task<Socks5Exception> FailAsync(ScriptedServer server, bool authenticated, bool pipelined)
    {
        Socks5StreamDialer dialer = Create(server, authenticated, pipelined);
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dialer.DialStreamAsync(SocksWire.Remote).AsTask().WaitAsync(s_limit));
        SocksWire.AssertNoSecrets(exception);
        return exception;
    }
}
