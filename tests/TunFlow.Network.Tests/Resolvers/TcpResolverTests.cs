using System.Net;
using System.Net.Sockets;
using TunFlow.Network.Resolvers;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class TcpResolverTests
{
    private static readonly DnsQuestion s_question = new("host.example", DnsRecordType.A);

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task A_query_is_answered_and_the_connection_closed(string address)
    {
        byte[]? seen = null;
        await using StreamServer server = new(
            async (stream, token) =>
            {
                seen = await StreamServer.ReadQueryAsync(stream, token);
                await stream.WriteAsync(StreamServer.Framed(WireMessage.AnswerTo(seen, "192.0.2.1")), token);
            },
            IPAddress.Parse(address));
        TrackingDialer dialer = new();
        DnsResponse response = await new TcpResolver(dialer, server.EndPoint).QueryAsync(s_question);
        Assert.That(response.GetAddresses(), Is.EqualTo(new[] { IPAddress.Parse("192.0.2.1") }));
        Assert.That(seen![2..], Is.EqualTo(new DnsQueryMessage(s_question, 0).Message[2..].ToArray()));
        dialer.AssertAllDisposedOnce();
    }

    [Test]
    public async Task The_length_and_the_query_leave_in_one_write()
    {
        List<int> writes = [];
        await using StreamServer server = StreamServer.OfDns(query => StreamServer.Framed(WireMessage.AnswerTo(query, "192.0.2.1")));
        IStreamDialer dialer = StreamDialer.FromFunc(async (remote, token) =>
            StreamConnection.Create(new WriteRecorder(await new TcpDialer().DialStreamAsync(remote, token), writes)));
        await new TcpResolver(dialer, server.EndPoint).QueryAsync(s_question);
        Assert.That(writes, Is.EqualTo(new[] { 2 + new DnsQueryMessage(s_question, 0).Message.Length }));
    }

    [Test]
    public async Task An_answer_in_single_bytes_is_read_whole()
    {
        await using StreamServer server = new(async (stream, token) =>
        {
            stream.Socket.NoDelay = true;
            byte[] query = await StreamServer.ReadQueryAsync(stream, token);
            foreach (byte value in StreamServer.Framed(WireMessage.AnswerTo(query, "192.0.2.1")))
            {
                await stream.WriteAsync(new[] { value }, token);
            }
        });
        Assert.That((await new TcpResolver(server.EndPoint).QueryAsync(s_question)).Answers, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task An_answer_of_65_535_bytes_is_read_whole()
    {
        await using StreamServer server = StreamServer.OfDns(query =>
        {
            byte[] answer = WireMessage.AnswerTo(query, [.. Enumerable.Range(0, 4000).Select(i => $"10.0.{i / 256}.{i % 256}")]);
            return StreamServer.Framed([.. answer, .. new byte[65_535 - answer.Length]]);
        });
        Assert.That((await new TcpResolver(server.EndPoint).QueryAsync(s_question)).GetAddresses(), Has.Length.EqualTo(4000));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(20)]
    public async Task A_server_that_closes_early_is_a_failed_receive(int bytes)
    {
        await using StreamServer server = StreamServer.OfDns(query => StreamServer.Framed(WireMessage.AnswerTo(query, "192.0.2.1"))[..bytes]);
        TrackingDialer dialer = new();
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await new TcpResolver(dialer, server.EndPoint).QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Receive, NetworkError.Closed)));
        dialer.AssertAllDisposedOnce();
    }

    [Test]
    public async Task A_server_that_resets_is_a_failed_receive()
    {
        await using StreamServer server = new(async (stream, token) =>
        {
            await StreamServer.ReadQueryAsync(stream, token);
            stream.Socket.LingerState = new LingerOption(true, 0);

            // The stream's own disposal would send a FIN before the RST.
            stream.Socket.Close(0);
        });
        TrackingDialer dialer = new();
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await new TcpResolver(dialer, server.EndPoint).QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Receive, NetworkError.ConnectionReset)));
        dialer.AssertAllDisposedOnce();
    }

    public static IEnumerable<TestCaseData> BadAnswers()
    {
        static TestCaseData Case(string name, Func<byte[], byte[]> answer) => new TestCaseData(answer).SetArgDisplayNames(name);
        yield return Case("empty", _ => []);
        yield return Case("garbage", _ => [1, 2, 3]);
        yield return Case("the query", query => query);
        yield return Case("another id", query => [(byte)~query[0], .. WireMessage.AnswerTo(query, "192.0.2.1")[1..]]);
        yield return Case("another question", query => [.. WireMessage.AnswerTo(query, "192.0.2.1")[..13], (byte)'x', .. WireMessage.AnswerTo(query, "192.0.2.1")[14..]]);
        yield return Case("a compression loop", query => WireMessage.Header((ushort)((query[0] << 8) | query[1]), answers: 1).Raw(WireMessage.QuestionOf(query)).Pointer(30).Record(1, new byte[4]).ToArray());
    }

    [TestCaseSource(nameof(BadAnswers))]
    public async Task A_bad_answer_is_a_bad_response(Func<byte[], byte[]> answer)
    {
        await using StreamServer server = StreamServer.OfDns(query => StreamServer.Framed(answer(query)));
        TrackingDialer dialer = new();
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await new TcpResolver(dialer, server.EndPoint).QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Response, NetworkError.ProtocolViolation)));
        Assert.That(exception.Message, Does.Contain(server.EndPoint.ToString()));
        dialer.AssertAllDisposedOnce();
    }

    [Test]
    public async Task A_refused_connection_is_a_failed_dial()
    {
        using Socket closed = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await new TcpResolver((IPEndPoint)closed.LocalEndPoint!).QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Dial, NetworkError.ConnectionRefused)));
    }

    [Test]
    public async Task A_failed_send_is_told_as_such()
    {
        TrackedConnection connection = new(new BrokenStream());
        TcpResolver resolver = new(StreamDialer.FromFunc((_, _) => ValueTask.FromResult<StreamConnection>(connection)), new IPEndPoint(IPAddress.Loopback, 53));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question));
        Assert.That(exception.Stage, Is.EqualTo(DnsStage.Send));
        Assert.That(connection.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task A_silent_server_is_given_up_after_10_seconds()
    {
        ManualTimeProvider time = new();
        TaskCompletionSource asked = new();
        await using StreamServer server = new(async (stream, token) =>
        {
            await StreamServer.ReadQueryAsync(stream, token);
            asked.SetResult();
            await Task.Delay(Timeout.Infinite, token);
        });
        TrackingDialer dialer = new();
        Task<DnsResponse> query = new TcpResolver(dialer, server.EndPoint) { TimeProvider = time }.QueryAsync(s_question).AsTask();
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        await Eventually.IsAsync(() => dialer.Connections[0].IsReading, "the query waits for its answer");
        time.Advance(TimeSpan.FromMilliseconds(9999));
        Assert.That(query.IsCompleted, Is.False);
        time.Advance(TimeSpan.FromMilliseconds(1));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query);
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Receive, NetworkError.TimedOut)));
        dialer.AssertAllDisposedOnce();
        Assert.That(time.ActiveTimers, Is.Zero);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_dialer_that_hangs_is_given_up_and_what_it_brings_later_disposed(bool byCaller)
    {
        ManualTimeProvider time = new();
        TaskCompletionSource<StreamConnection> deaf = new();
        TcpResolver resolver = new(StreamDialer.FromFunc((_, _) => new ValueTask<StreamConnection>(deaf.Task)), new IPEndPoint(IPAddress.Loopback, 53)) { TimeProvider = time };
        using CancellationTokenSource cancel = new();
        Task<DnsResponse> query = resolver.QueryAsync(s_question, cancel.Token).AsTask();
        if (byCaller)
        {
            await cancel.CancelAsync();
            await Assert.CatchAsync<OperationCanceledException>(async () => await query);
        }
        else
        {
            time.Advance(TimeSpan.FromSeconds(10));
            DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query);
            Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Dial, NetworkError.TimedOut)));
        }

        TrackedConnection late = new();
        deaf.SetResult(late);
        await late.Ended.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(late.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task Cancelling_while_the_server_is_silent_ends_the_query()
    {
        TaskCompletionSource asked = new();
        await using StreamServer server = new(async (stream, token) =>
        {
            await StreamServer.ReadQueryAsync(stream, token);
            asked.SetResult();
            await Task.Delay(Timeout.Infinite, token);
        });
        TrackingDialer dialer = new();
        using CancellationTokenSource cancel = new();
        Task<DnsResponse> query = new TcpResolver(dialer, server.EndPoint).QueryAsync(s_question, cancel.Token).AsTask();
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        await cancel.CancelAsync();
        OperationCanceledException exception = await Assert.CatchAsync<OperationCanceledException>(async () => await query);
        Assert.That(exception.CancellationToken, Is.EqualTo(cancel.Token));
        dialer.AssertAllDisposedOnce();
    }

    [Test]
    public async Task Servers_are_reached_by_endpoint_name_and_default_port()
    {
        List<EndPoint> dialled = [];
        IStreamDialer dialer = StreamDialer.FromFunc((remote, _) =>
        {
            dialled.Add(remote);
            throw new NetworkException(NetworkError.ConnectionRefused);
        });
        await Assert.ThrowsAsync<DnsException>(async () => await new TcpResolver(dialer, IPEndPoint.Parse("2001:db8::53")).QueryAsync(s_question));
        await Assert.ThrowsAsync<DnsException>(async () => await new TcpResolver(dialer, new DnsEndPoint("dns.example", 0)).QueryAsync(s_question));
        await Assert.ThrowsAsync<DnsException>(async () => await new TcpResolver(dialer, new DnsEndPoint("dns.example", 5353)).QueryAsync(s_question));
        Assert.That(dialled, Is.EqualTo(new EndPoint[] { new IPEndPoint(IPAddress.Parse("2001:db8::53"), 53), new DnsEndPoint("dns.example", 53), new DnsEndPoint("dns.example", 5353) }));
        Assert.That(() => new TcpResolver((IPEndPoint)null!), Throws.ArgumentNullException);
        Assert.That(() => new TcpResolver(null!, new DnsEndPoint("dns.example", 0)), Throws.ArgumentNullException);
        Assert.That(() => new TcpResolver((IStreamEndpoint)null!), Throws.ArgumentNullException);
        Assert.That(() => new TcpResolver(dialer, null!), Throws.ArgumentNullException);
        Assert.That(async () => await new TcpResolver(dialer, new DnsEndPoint("dns.example", 0)).QueryAsync(null!), Throws.ArgumentNullException);
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => throw new IOException("broken");
    }

    private sealed class WriteRecorder(Stream inner, List<int> writes) : DelegatingStream(inner)
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            writes.Add(buffer.Length);
            return base.WriteAsync(buffer, cancellationToken);
        }
    }
}
