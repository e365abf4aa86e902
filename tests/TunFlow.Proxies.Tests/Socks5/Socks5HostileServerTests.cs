namespace TunFlow.Proxies.Tests;

/// <summary>Servers that hang, leave or talk nonsense at each byte of the handshake: a typed error in time, and every connection disposed once.</summary>
[TestFixture(false, false)]
[TestFixture(true, false)]
[TestFixture(false, true)]
[TestFixture(true, true)]
internal sealed class Socks5HostileServerTests(bool authenticated, bool pipelined)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    // What fails for a reason that the order may have to do with is tried again in the strict order.
    private int Attempts => pipelined ? 2 : 1;

    [Test, Weakness(30)]
    public async Task A_server_that_ends_after_each_byte([ValueSource(typeof(SocksWire), nameof(SocksWire.Bound))] byte[] bound, [Values] bool byReset)
    {
        byte[] grant = SocksWire.Grant(authenticated, bound);
        for (int sent = 0; sent < grant.Length; sent++)
        {
            ScriptedServer server = ScriptedServer.Sending(grant[..sent], byReset ? ScriptEnd.Reset : ScriptEnd.Close);
            Socks5Exception exception = await FailAsync(Create(server));
            Assert.That(exception.Error, Is.EqualTo(byReset ? NetworkError.ConnectionReset : NetworkError.Closed), $"after {sent} bytes: {exception}");
            if (!byReset)
            {
                // A reset may come before the bytes in front of it were read.
                Assert.That(exception.Stage, Is.EqualTo(SocksWire.StageAfter(sent, authenticated)), $"after {sent} bytes");
            }

            await server.AssertAllDisposedAsync(Attempts);
        }
    }

    [Test, Weakness(30)]
    public async Task Cancelling_ends_a_stall_after_each_byte([ValueSource(typeof(SocksWire), nameof(SocksWire.Bound))] byte[] bound)
    {
        byte[] grant = SocksWire.Grant(authenticated, bound);
        for (int sent = 0; sent < grant.Length; sent++)
        {
            ScriptedServer server = ScriptedServer.Sending(grant[..sent]);
            using CancellationTokenSource cancellation = new();
            Task<StreamConnection> dial = Create(server, new ManualTimeProvider()).DialStreamAsync(SocksWire.Remote, cancellation.Token).AsTask();
            await Eventually.IsAsync(() => server.Connections is [{ IsReading: true }], "the client waits");

            await cancellation.CancelAsync();

            OperationCanceledException exception = await Assert.CatchAsync<OperationCanceledException>(() => dial.WaitAsync(s_limit));
            Assert.That(exception.CancellationToken, Is.EqualTo(cancellation.Token), $"after {sent} bytes");
            SocksWire.AssertNoSecrets(exception);
            await server.AssertAllDisposedAsync(1);
            Assert.That(server.Connections[0].AbortCount, Is.EqualTo(1), "the server is not kept waiting for what nobody wants");
        }
    }

    [Test, Weakness(30)]
    public async Task A_stall_after_each_byte_ends_with_the_timeout([ValueSource(typeof(SocksWire), nameof(SocksWire.Bound))] byte[] bound)
    {
        byte[] grant = SocksWire.Grant(authenticated, bound);
        for (int sent = 0; sent < grant.Length; sent++)
        {
            ManualTimeProvider time = new();
            CountingStream[] streams = [];
            ScriptedServer server = new((peer, _) => ScriptedServer.SendAsync(peer, grant[..sent]))
            {
                Decorate = connection =>
                {
                    CountingStream stream = new(connection);
                    streams = [.. streams, stream];
                    return stream;
                },
            };
            Task<StreamConnection> dial = Create(server, time).DialStreamAsync(SocksWire.Remote).AsTask();
            await WaitsForMoreAsync(1);
            if (pipelined)
            {
                await Eventually.IsAsync(() => time.ActiveTimers == 2, "the delay runs");
                time.Advance(Socks5Client.FallbackDelay);
                await WaitsForMoreAsync(2);
            }

            time.Advance(TimeSpan.FromSeconds(30) - time.Elapsed - TimeSpan.FromTicks(1));
            Assert.That(dial.IsCompleted, Is.False);
            time.Advance(TimeSpan.FromTicks(1));

            Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dial.WaitAsync(s_limit));
            Assert.That((exception.Stage, exception.Error), Is.EqualTo((SocksWire.StageAfter(sent, authenticated), NetworkError.TimedOut)));
            Assert.That(exception.Message, Does.Contain("00:00:30"));
            SocksWire.AssertNoSecrets(exception);
            await server.AssertAllDisposedAsync(Attempts);
            Assert.That(time.ActiveTimers, Is.Zero);

            Task WaitsForMoreAsync(int connections) => Eventually.IsAsync(
                () => streams.Length == connections && streams[^1].WaitingAt == sent, "all that was sent is read");
        }
    }

    [Test]
    public async Task Garbage_at_each_byte_is_told_or_harmless([Values(0, 4, 0x7F, 0xFF)] int garbage, [ValueSource(typeof(SocksWire), nameof(SocksWire.Bound))] byte[] bound)
    {
        byte[] grant = SocksWire.Grant(authenticated, bound);
        int reply = grant.Length - bound.Length - 3;
        for (int position = 0; position < grant.Length; position++)
        {
            byte[] answer = [.. grant];
            answer[position] = (byte)garbage;

            // What is behind is there in any case: a length that grew takes it for the address.
            ScriptedServer server = ScriptedServer.Sending([.. answer, .. new byte[300]], ScriptEnd.Close);
            bool harmless = garbage == grant[position]
                || position == reply + 2 || position > reply + 3 || (position == reply + 3 && garbage == 4)
                || (authenticated && position == 2 && garbage == 5);
            if (harmless)
            {
                await using StreamConnection connection = await Create(server).DialStreamAsync(SocksWire.Remote).AsTask().WaitAsync(s_limit);
                Assert.That(connection, Is.SameAs(server.Connections.Single()));
                continue;
            }

            Socks5Exception exception = await FailAsync(Create(server));
            NetworkError expected = position switch
            {
                1 when garbage == 0xFF => NetworkError.AccessDenied,
                3 when authenticated => NetworkError.AccessDenied,
                _ when position == reply + 1 => Socks5Replies.ToError((Socks5Reply)garbage),
                _ => NetworkError.ProtocolViolation,
            };
            Assert.That(exception.Error, Is.EqualTo(expected), $"{garbage} at {position}: {exception.Message}");
            bool answered = position == reply + 1 || (authenticated && position == 3);
            await server.AssertAllDisposedAsync(answered ? 1 : Attempts);
        }
    }

    [Test]
    [Category("Campaign")]
    public async Task Random_answers_are_told()
    {
        Random random = TestContext.CurrentContext.Random;
        int rounds = Campaign.Rounds(500, 100_000);
        for (int i = 0; i < rounds; i++)
        {
            // The beginning is right, or nothing would ever come to the end.
            byte[] grant = SocksWire.Grant(authenticated, SocksWire.Bound[random.Next(3)]);
            byte[] answer = [.. grant.AsSpan(0, random.Next(grant.Length)), .. new byte[random.Next(40)]];
            random.NextBytes(answer.AsSpan(Math.Min(grant.Length, random.Next(answer.Length + 1))));
            ScriptedServer server = ScriptedServer.Sending(answer, random.Next(2) == 0 ? ScriptEnd.Close : ScriptEnd.Reset);
            try
            {
                await using StreamConnection connection = await Create(server).DialStreamAsync(SocksWire.Remote).AsTask().WaitAsync(s_limit);
            }
            catch (Socks5Exception exception)
            {
                SocksWire.AssertNoSecrets(exception);
            }

            await Eventually.IsAsync(() => server.Connections.All(connection => connection.DisposeCount == 1), "every connection was disposed once");
        }
    }

    [Test, Weakness(30)]
    public async Task Cancelling_ends_a_handshake_on_a_connection_that_does_not_heed_tokens()
    {
        ScriptedServer server = new((_, _) => ScriptedServer.Forever) { Decorate = connection => new DeafConnection(connection) };
        using CancellationTokenSource cancellation = new();
        Task<StreamConnection> dial = Create(server, new ManualTimeProvider()).DialStreamAsync(SocksWire.Remote, cancellation.Token).AsTask();
        await Eventually.IsAsync(() => server.Connections is [{ IsReading: true }], "the client waits");
        await cancellation.CancelAsync();
        await Assert.CatchAsync<OperationCanceledException>(() => dial.WaitAsync(s_limit));
        await server.AssertAllDisposedAsync(1);
    }

    [Test, Weakness(30)]
    public async Task Cancelling_ends_a_dial_that_does_not_listen_and_its_late_connection_is_disposed([Values] bool byTimeout)
    {
        TaskCompletionSource<StreamConnection> dialling = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ManualTimeProvider time = new();
        using CancellationTokenSource cancellation = new();
        Socks5StreamDialer dialer = new(StreamDialer.FromFunc((_, _) => new ValueTask<StreamConnection>(dialling.Task)), ScriptedServer.EndPoint)
        {
            PipelinesHandshake = pipelined,
            TimeProvider = time,
        };
        Task<StreamConnection> dial = dialer.DialStreamAsync(SocksWire.Remote, cancellation.Token).AsTask();
        if (byTimeout)
        {
            time.Advance(TimeSpan.FromSeconds(20));
            Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dial.WaitAsync(s_limit));
            Assert.That((exception.Stage, exception.Error), Is.EqualTo((Socks5Stage.Connect, NetworkError.TimedOut)));
        }
        else
        {
            await cancellation.CancelAsync();
            await Assert.CatchAsync<OperationCanceledException>(() => dial.WaitAsync(s_limit));
        }

        TrackedConnection late = new();
        dialling.SetResult(late);
        await late.Ended.WaitAsync(s_limit);
        Assert.That(late.DisposeCount, Is.EqualTo(1));
        Assert.That(time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task A_connection_that_fails_to_be_disposed_hides_no_error()
    {
        byte[] refusal = [.. SocksWire.Grant(authenticated, [])[..^3], 5, 5];
        ScriptedServer server = new((peer, _) => ScriptedServer.SendAsync(peer, refusal)) { DisposeError = new InvalidOperationException("dispose") };
        Socks5Exception exception = await FailAsync(Create(server));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.ConnectionRefused));
        await server.AssertAllDisposedAsync(1);
    }

    [Test]
    public async Task A_dialer_that_returns_nothing_is_told()
    {
        Socks5StreamDialer dialer = new(StreamDialer.FromFunc((_, _) => ValueTask.FromResult<StreamConnection>(null!)), ScriptedServer.EndPoint) { PipelinesHandshake = pipelined };
        Socks5Exception exception = await FailAsync(dialer);
        Assert.That((exception.Stage, exception.InnerException), Is.EqualTo((Socks5Stage.Connect, exception.InnerException as InvalidOperationException)));
    }

    [Test]
    public async Task Callbacks_on_the_token_that_throw_harm_nobody()
    {
        ManualTimeProvider time = new();
        ScriptedServer server = ScriptedServer.Sending([]);
        Socks5StreamDialer dialer = new(
            StreamDialer.FromFunc((remote, token) =>
            {
                token.Register(() => throw new InvalidOperationException("callback"));
                return server.DialStreamAsync(remote, token);
            }),
            ScriptedServer.EndPoint) { PipelinesHandshake = pipelined, TimeProvider = time };
        Task<StreamConnection> dial = dialer.DialStreamAsync(SocksWire.Remote).AsTask();
        await Eventually.IsAsync(() => server.Connections is [{ IsReading: true }], "the client waits");
        time.Advance(TimeSpan.FromSeconds(20));
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dial.WaitAsync(s_limit));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.TimedOut));
        await Eventually.IsAsync(() => server.Connections.All(connection => connection.DisposeCount == 1), "every connection was disposed once");
    }

    private Socks5StreamDialer Create(ScriptedServer server, TimeProvider? time = null) => new(server, ScriptedServer.EndPoint, authenticated ? SocksWire.Credentials : null)
    {
        PipelinesHandshake = pipelined,
        Timeout = TimeSpan.FromSeconds(30),
        TimeProvider = time ?? TimeProvider.System,
    };

    private static async Task<Socks5Exception> FailAsync(Socks5StreamDialer dialer)
    {
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dialer.DialStreamAsync(SocksWire.Remote).AsTask().WaitAsync(s_limit));
        SocksWire.AssertNoSecrets(exception);
        return exception;
    }
}
