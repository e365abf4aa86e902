namespace TunFlow.Proxies.Tests;

/// <summary>Servers that don't cope with a handshake in one write, and servers that only look as if they didn't.</summary>
[TestFixture(false)]
[TestFixture(true)]
internal sealed class Socks5PipeliningTests(bool authenticated)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);
    private static readonly byte[] s_reply = [5, 0, 0, .. SocksWire.BoundIPv4];

    private ManualTimeProvider _time = new();

    [SetUp]
    public void StartClock() => _time = new ManualTimeProvider();

    [Test]
    public async Task A_server_that_drops_what_comes_too_early_is_asked_in_the_strict_order_after_a_second_and_from_then_on()
    {
        ScriptedServer server = new(DropsSurplusAsync);
        Socks5StreamDialer dialer = Create(server);
        Task<StreamConnection> dial = DialAsync(dialer);
        await Eventually.IsAsync(() => _time.ActiveTimers == 2, "the delay runs");
        _time.Advance(TimeSpan.FromSeconds(1) - TimeSpan.FromTicks(1));
        Assert.That((dial.IsCompleted, server.Connections.Count), Is.EqualTo((false, 1)));
        _time.Advance(TimeSpan.FromTicks(1));
        await using StreamConnection connection = await dial.WaitAsync(s_limit);
        Assert.That(connection, Is.SameAs(server.Connections[1]));
        await Eventually.IsAsync(() => server.Connections[0].DisposeCount == 1, "the first one is disposed");
        Assert.That(dialer.PipelinesHandshake, Is.False);

        await using StreamConnection next = await DialAsync(dialer).WaitAsync(s_limit);
        Assert.That(next, Is.SameAs(server.Connections[2]), "no time passed, and no other was tried");
        Assert.That(server.Connections, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task A_server_that_leaves_when_something_comes_too_early_is_asked_again_at_once([Values] bool byReset, [Values(0, 2)] int answered)
    {
        ScriptedServer server = new(async (peer, number) =>
        {
            byte[] buffer = new byte[600];
            int read = await peer.ReadAsync(buffer);
            if (read > 3)
            {
                await ScriptedServer.SendAsync(peer, SocksWire.Grant(authenticated, [])[..answered], byReset ? ScriptEnd.Reset : ScriptEnd.Close);
                return;
            }

            await ServeRestStrictlyAsync(peer);
        });
        await AssertTurnsStrictAsync(server);
    }

    [Test]
    public async Task A_server_that_answers_nonsense_when_something_comes_too_early_is_asked_again_at_once()
    {
        ScriptedServer server = new(async (peer, number) =>
        {
            byte[] buffer = new byte[600];
            int read = await peer.ReadAsync(buffer);
            if (read > 3)
            {
                await ScriptedServer.SendAsync(peer, [5, 0xFF], ScriptEnd.Close);
                return;
            }

            await ServeRestStrictlyAsync(peer);
        });
        await AssertTurnsStrictAsync(server);
    }

    [Test]
    public async Task A_slow_destination_is_no_reason_to_give_the_first_connection_up()
    {
        TaskCompletionSource connects = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedServer server = new(async (peer, number) =>
        {
            await peer.WriteAsync(authenticated ? new byte[] { 5, 2, 1, 0 } : new byte[] { 5, 0 });
            if (number == 2)
            {
                await ScriptedServer.Forever;
            }

            await connects.Task;
            await ScriptedServer.SendAsync(peer, s_reply);
        });
        Socks5StreamDialer dialer = Create(server);
        Task<StreamConnection> dial = DialAsync(dialer);
        await Eventually.IsAsync(() => _time.ActiveTimers == 2, "the delay runs");
        _time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.IsAsync(() => server.Connections is [_, { IsReading: true }], "the strict order is tried beside");
        connects.SetResult();
        await using StreamConnection connection = await dial.WaitAsync(s_limit);
        Assert.That(connection, Is.SameAs(server.Connections[0]));
        await Eventually.IsAsync(() => server.Connections[1].DisposeCount == 1, "the second one is disposed");
        Assert.That(dialer.PipelinesHandshake, Is.True);
    }

    [Test]
    public async Task A_server_that_coped_once_is_not_asked_twice_however_long_it_takes()
    {
        TaskCompletionSource connects = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedServer server = new(async (peer, number) =>
        {
            if (number == 2)
            {
                await connects.Task;
            }

            await ScriptedServer.SendAsync(peer, SocksWire.Grant(authenticated, SocksWire.BoundIPv4));
        });
        Socks5StreamDialer dialer = Create(server);
        await using StreamConnection first = await DialAsync(dialer).WaitAsync(s_limit);
        Task<StreamConnection> dial = DialAsync(dialer);
        await Eventually.IsAsync(() => server.Connections is [_, { IsReading: true }], "the client waits");
        _time.Advance(TimeSpan.FromSeconds(19));
        connects.SetResult();
        await using StreamConnection second = await dial.WaitAsync(s_limit);
        Assert.That(server.Connections, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task A_refusal_is_a_server_that_copes()
    {
        ScriptedServer server = ScriptedServer.Sending([.. SocksWire.Grant(authenticated, [])[..^3], 5, 4, 0, .. SocksWire.BoundIPv4]);
        Socks5StreamDialer dialer = Create(server);
        for (int i = 1; i <= 3; i++)
        {
            await Assert.ThrowsAsync<Socks5Exception>(() => DialAsync(dialer).WaitAsync(s_limit));
            await server.AssertAllDisposedAsync(i);
        }

        Assert.That(dialer.PipelinesHandshake, Is.True);
    }

    [Test]
    public async Task A_failure_in_both_orders_teaches_nothing()
    {
        ScriptedServer server = ScriptedServer.Sending([5, 0xFF], ScriptEnd.Close);
        Socks5StreamDialer dialer = Create(server);
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => DialAsync(dialer).WaitAsync(s_limit));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((Socks5Stage.Method, NetworkError.AccessDenied)));
        await server.AssertAllDisposedAsync(2);
        Assert.That(dialer.PipelinesHandshake, Is.True);
    }

    [Test]
    public async Task A_server_that_was_replaced_by_one_that_does_not_cope_is_found_out()
    {
        ScriptedServer server = new((peer, number) => number == 1 ? ScriptedServer.SendAsync(peer, SocksWire.Grant(authenticated, SocksWire.BoundIPv4)) : DropsSurplusAsync(peer, number));
        Socks5StreamDialer dialer = Create(server);
        await using StreamConnection first = await DialAsync(dialer).WaitAsync(s_limit);

        // It is silent, as a slow destination would be: this one fails.
        Task<StreamConnection> lost = DialAsync(dialer);
        await Eventually.IsAsync(() => server.Connections is [_, { IsReading: true }], "the client waits");
        _time.Advance(TimeSpan.FromSeconds(20));
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => lost.WaitAsync(s_limit));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.TimedOut));

        Task<StreamConnection> dial = DialAsync(dialer);
        await Eventually.IsAsync(() => _time.ActiveTimers == 2, "the delay runs");
        _time.Advance(TimeSpan.FromSeconds(1));
        await using StreamConnection second = await dial.WaitAsync(s_limit);
        Assert.That((server.Connections.Count, dialer.PipelinesHandshake), Is.EqualTo((4, false)));
    }

    [Test]
    public async Task Cancelling_ends_both_attempts([Values] bool byTimeout)
    {
        ScriptedServer server = new((_, _) => ScriptedServer.Forever);
        using CancellationTokenSource cancellation = new();
        Task<StreamConnection> dial = Create(server).DialStreamAsync(SocksWire.Remote, cancellation.Token).AsTask();
        await Eventually.IsAsync(() => _time.ActiveTimers == 2, "the delay runs");
        _time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.IsAsync(() => server.Connections is [_, { IsReading: true }], "the strict order is tried beside");
        if (byTimeout)
        {
            _time.Advance(TimeSpan.FromSeconds(19));
            await Assert.ThrowsAsync<Socks5Exception>(() => dial.WaitAsync(s_limit));
        }
        else
        {
            await cancellation.CancelAsync();
            await Assert.CatchAsync<OperationCanceledException>(() => dial.WaitAsync(s_limit));
        }

        await server.AssertAllDisposedAsync(2);
    }

    [Test]
    public async Task A_server_that_can_not_be_reached_a_second_time_may_still_answer_the_first()
    {
        TaskCompletionSource connects = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedServer server = new(async (peer, number) =>
        {
            await connects.Task;
            await ScriptedServer.SendAsync(peer, SocksWire.Grant(authenticated, SocksWire.BoundIPv4));
        });
        int dials = 0;
        Socks5StreamDialer dialer = new(
            StreamDialer.FromFunc((remote, token) => Interlocked.Increment(ref dials) == 1 ? server.DialStreamAsync(remote, token) : throw new NetworkException(NetworkError.ConnectionRefused)),
            ScriptedServer.EndPoint,
            authenticated ? SocksWire.Credentials : null) { TimeProvider = _time };
        Task<StreamConnection> dial = DialAsync(dialer);
        await Eventually.IsAsync(() => _time.ActiveTimers == 2, "the delay runs");
        _time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.IsAsync(() => Volatile.Read(ref dials) == 2, "the strict order is tried beside");
        connects.SetResult();
        await using StreamConnection connection = await dial.WaitAsync(s_limit);
        Assert.That(connection, Is.SameAs(server.Connections.Single()));
    }

    [Test]
    public async Task Dials_at_once_to_a_server_that_does_not_cope_all_come_through()
    {
        ScriptedServer server = new(DropsSurplusAsync);
        Socks5StreamDialer dialer = Create(server);
        Task<StreamConnection>[] dials = [.. Enumerable.Range(0, 20).Select(_ => DialAsync(dialer))];
        await Eventually.IsAsync(() => _time.ActiveTimers == 40, "the delays run");
        _time.Advance(TimeSpan.FromSeconds(1));
        foreach (StreamConnection connection in await Task.WhenAll(dials).WaitAsync(s_limit))
        {
            await connection.DisposeAsync();
        }

        await server.AssertAllDisposedAsync(40);
    }

    private Socks5StreamDialer Create(ScriptedServer server) => new(server, ScriptedServer.EndPoint, authenticated ? SocksWire.Credentials : null) { TimeProvider = _time };

    private static Task<StreamConnection> DialAsync(Socks5StreamDialer dialer) => dialer.DialStreamAsync(SocksWire.Remote).AsTask();

    private async Task AssertTurnsStrictAsync(ScriptedServer server)
    {
        Socks5StreamDialer dialer = Create(server);
        await using StreamConnection connection = await DialAsync(dialer).WaitAsync(s_limit);
        Assert.That(connection, Is.SameAs(server.Connections[1]));
        await Eventually.IsAsync(() => server.Connections[0].DisposeCount == 1, "the first one is disposed");
        Assert.That(dialer.PipelinesHandshake, Is.False);
        await using StreamConnection next = await DialAsync(dialer).WaitAsync(s_limit);
        Assert.That(server.Connections, Has.Count.EqualTo(3));
    }

    /// <summary>Reads each message with a buffer for more, and looks at its beginning only.</summary>
    private async Task DropsSurplusAsync(StreamConnection peer, int number)
    {
        byte[] buffer = new byte[600];
        _ = await peer.ReadAsync(buffer);
        await ServeRestStrictlyAsync(peer);
    }

    private async Task ServeRestStrictlyAsync(StreamConnection peer)
    {
        byte[] buffer = new byte[600];
        await peer.WriteAsync(new byte[] { 5, (byte)(authenticated ? 2 : 0) });
        if (authenticated)
        {
            _ = await peer.ReadAsync(buffer);
            await peer.WriteAsync(new byte[] { 1, 0 });
        }

        _ = await peer.ReadAsync(buffer);
        await ScriptedServer.SendAsync(peer, s_reply);
    }
}
