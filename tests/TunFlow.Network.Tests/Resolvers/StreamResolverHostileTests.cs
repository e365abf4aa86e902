using System.Net;
using TunFlow.Network.Resolvers;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Servers, dialers and connections that misbehave, over TCP.</summary>
internal sealed class StreamResolverHostileTests
{
    private static readonly DnsQuestion s_question = new("host.example", DnsRecordType.A);
    private static readonly IPEndPoint s_server = new(IPAddress.Loopback, 53);

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_write_that_ignores_its_token_ends_with_the_query(bool byCaller)
    {
        ManualTimeProvider time = new();
        DeafConnection connection = new();
        TcpResolver resolver = new(StreamDialer.FromFunc((_, _) => ValueTask.FromResult<StreamConnection>(connection)), s_server) { TimeProvider = time };
        using CancellationTokenSource cancel = new();
        Task<DnsResponse> query = resolver.QueryAsync(s_question, cancel.Token).AsTask();
        await connection.Writing.WaitAsync(TimeSpan.FromSeconds(10));
        if (byCaller)
        {
            await cancel.CancelAsync();
            await Assert.CatchAsync<OperationCanceledException>(async () => await query.WaitAsync(TimeSpan.FromSeconds(10)));
        }
        else
        {
            time.Advance(TimeSpan.FromSeconds(10));
            DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query.WaitAsync(TimeSpan.FromSeconds(10)));
            Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Send, NetworkError.TimedOut)));
        }
    }

    [Test]
    public async Task A_server_that_drips_its_answer_is_given_up_at_the_limit_of_the_whole_query()
    {
        ManualTimeProvider time = new();
        using SemaphoreSlim drip = new(0);
        using SemaphoreSlim dripped = new(0);
        await using StreamServer server = new(async (stream, token) =>
        {
            byte[] answer = StreamServer.Framed(WireMessage.AnswerTo(await StreamServer.ReadQueryAsync(stream, token), "192.0.2.1"));
            foreach (byte value in answer)
            {
                await drip.WaitAsync(token);
                await stream.WriteAsync(new[] { value }, token);
                dripped.Release();
            }
        });
        Task<DnsResponse> query = new TcpResolver(server.EndPoint) { TimeProvider = time }.QueryAsync(s_question).AsTask();
        for (int second = 0; second < 10; second++)
        {
            Assert.That(query.IsCompleted, Is.False);
            drip.Release();
            await dripped.WaitAsync(TimeSpan.FromSeconds(10));
            time.Advance(TimeSpan.FromSeconds(1));
        }

        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query.WaitAsync(TimeSpan.FromSeconds(10)));
        // The ten seconds take microseconds here, in which the end of the sending may not have been noticed.
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Receive, NetworkError.TimedOut)).Or.EqualTo((DnsStage.Send, NetworkError.TimedOut)));
    }

    [Test]
    public async Task Token_callbacks_of_the_dialer_that_throw_at_the_time_limit_harm_nobody()
    {
        ManualTimeProvider time = new();
        int called = 0;
        TcpResolver resolver = new(
            StreamDialer.FromFunc((_, token) =>
            {
                token.Register(() =>
                {
                    Interlocked.Increment(ref called);
                    throw new InvalidOperationException("a callback of the dialer");
                });
                return new ValueTask<StreamConnection>(new TaskCompletionSource<StreamConnection>().Task);
            }),
            s_server) { TimeProvider = time };
        Task<DnsResponse> query = resolver.QueryAsync(s_question).AsTask();

        // On the system's clock what a timer's callback throws ends the process.
        Assert.That(() => time.Advance(TimeSpan.FromSeconds(10)), Throws.Nothing);
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Dial, NetworkError.TimedOut)));
        Assert.That(called, Is.EqualTo(1));
        Assert.That(time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task A_dialer_that_fails_to_resolve_the_server_is_a_failed_dial_of_this_server()
    {
        DnsException other = new(DnsStage.Response, NetworkError.NameNotResolved, "no such name") { ResponseCode = DnsResponseCode.NameError };
        TcpResolver resolver = new(StreamDialer.FromFunc((_, _) => throw other), new DnsEndPoint("dns.example", 0));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error, exception.ResponseCode), Is.EqualTo((DnsStage.Dial, NetworkError.NameNotResolved, (DnsResponseCode?)null)));
        Assert.That(exception.Message, Does.Contain("dns.example:53").And.Contain("no such name"));
        Assert.That(exception.InnerException, Is.SameAs(other));
    }

    [TestCase(1, 0)]
    [TestCase(1, 1)]
    [TestCase(4, 1)]
    public async Task A_server_that_does_not_understand_EDNS_is_asked_without(int code, int questions)
    {
        List<byte[]> queries = [];
        await using StreamServer server = StreamServer.OfDns(query =>
        {
            queries.Add(query);
            WireMessage header = WireMessage.Header((ushort)((query[0] << 8) | query[1]), (ushort)(0x8180 | code), (ushort)questions);
            return StreamServer.Framed(query[11] == 1 ? header.Raw(questions == 1 ? WireMessage.QuestionOf(query) : []).ToArray() : WireMessage.AnswerTo(query, "192.0.2.1"));
        });
        TrackingDialer dialer = new();
        DnsResponse response = await new TcpResolver(dialer, server.EndPoint).QueryAsync(s_question);
        Assert.That(response.Answers, Has.Count.EqualTo(1));
        Assert.That(queries.Select(query => query[11]), Is.EqualTo(new[] { 1, 0 }), "additional records");
        dialer.AssertAllDisposedOnce();
    }

    /// <summary>Its write ends by aborting only.</summary>
    private sealed class DeafConnection : StreamConnection
    {
        private readonly TaskCompletionSource _writing = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _aborted = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Writing => _writing.Task;

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override EndPoint? LocalEndPoint => null;

        public override EndPoint? RemoteEndPoint => null;

        public override Task ReadsClosed => _aborted.Task;

        public override Task WritesClosed => _aborted.Task;

        public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default) => default;

        public override void AbortReads() => Abort();

        public override void Abort() => _aborted.TrySetResult();

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromResult(0);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _writing.SetResult();
            await _aborted.Task;
            throw new NetworkException(NetworkError.ConnectionAborted);
        }
    }
}
