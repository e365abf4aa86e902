using System.Net;
using System.Net.Sockets;
using TunFlow.Network.Resolvers;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>On virtual time and a socket whose other end is the test.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class UdpResolverTimeTests
{
    private static readonly DnsQuestion s_question = new("host.example", DnsRecordType.A);

    private readonly ManualTimeProvider _time = new();
    private readonly FakePacketDialer _socket = new();

    [Test]
    public async Task A_query_without_an_answer_is_sent_again_after_1_and_3_seconds_and_given_up_after_5()
    {
        Task<DnsResponse> query = Resolver().QueryAsync(s_question).AsTask();
        byte[] first = await _socket.NextAsync();
        await WaitsForAsync(1000);
        _time.Advance(TimeSpan.FromMilliseconds(1000));
        Assert.That(await _socket.NextAsync(), Is.EqualTo(first), "the same query, so that a late answer to any of them counts");
        await WaitsForAsync(2000);
        _time.Advance(TimeSpan.FromMilliseconds(2000));
        await _socket.NextAsync();
        await WaitsForAsync(2000);
        _time.Advance(TimeSpan.FromMilliseconds(1999));
        Assert.That(query.IsCompleted, Is.False);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query);
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Receive, NetworkError.TimedOut)));
        Assert.That(_socket.Sent, Is.EqualTo(3));
        Assert.That(_socket.DisposeCount, Is.EqualTo(1));
        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task A_flood_of_wrong_answers_neither_ends_the_query_nor_outlives_its_limit()
    {
        Task<DnsResponse> query = Resolver().QueryAsync(s_question).AsTask();
        byte[] sent = await _socket.NextAsync();
        for (int i = 1; i < 2000; i++)
        {
            byte[] wrong = WireMessage.AnswerTo(sent, "192.0.2.66");
            wrong[0] ^= (byte)(i >> 8);
            wrong[1] ^= (byte)i;
            _socket.Answers(wrong);
        }

        _socket.Answers(WireMessage.AnswerTo(sent, "192.0.2.66"), truncated: true);
        await WaitsForAsync(1000);
        _time.Advance(TimeSpan.FromMilliseconds(900));
        Assert.That(query.IsCompleted, Is.False);
        _socket.Answers(WireMessage.AnswerTo(sent, "192.0.2.1"));
        Assert.That((await query).GetAddresses(), Is.EqualTo(new[] { IPAddress.Parse("192.0.2.1") }));
        Assert.That(_socket.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task A_connection_that_is_flooded_and_does_not_look_at_its_token_does_not_outlive_the_limit()
    {
        TaskCompletionSource receiving = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _socket.OnReceive = buffer =>
        {
            receiving.TrySetResult();
            return new ReceivedDatagram(12, null, false);
        };
        Task<DnsResponse> query = Task.Run(() => Resolver().QueryAsync(s_question).AsTask());
        await receiving.Task.WaitAsync(TimeSpan.FromSeconds(10));
        _time.Advance(TimeSpan.FromSeconds(5));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Receive, NetworkError.TimedOut)));
        Assert.That(_socket.DisposeCount, Is.EqualTo(1));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task The_fallback_over_TCP_runs_on_the_same_clock_unless_it_is_from_outside(bool own)
    {
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using StreamServer tcp = new(async (stream, token) =>
        {
            await StreamServer.ReadQueryAsync(stream, token);
            asked.SetResult();
            await Task.Delay(Timeout.Infinite, token);
        });
        using Socket udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        udp.Bind(tcp.EndPoint);
        IDnsResolver other = DnsResolver.FromFunc((question, _) => ValueTask.FromResult(new DnsResponse(question)));
        UdpResolver resolver = own
            ? new UdpResolver(tcp.EndPoint) { TimeProvider = _time }
            : new UdpResolver(tcp.EndPoint) { TruncationFallback = other, TimeProvider = _time };
        Task<DnsResponse> query = resolver.QueryAsync(s_question).AsTask();
        byte[] buffer = new byte[512];
        SocketReceiveFromResult received = await udp.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0)).WaitAsync(TimeSpan.FromSeconds(10));
        await udp.SendToAsync(WireMessage.Reply(buffer.AsSpan(0, received.ReceivedBytes), WireMessage.TruncatedAnswer), received.RemoteEndPoint);
        if (own)
        {
            await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
            _time.Advance(TimeSpan.FromSeconds(10));
            DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query.WaitAsync(TimeSpan.FromSeconds(5)));
            Assert.That(exception.Error, Is.EqualTo(NetworkError.TimedOut));
        }
        else
        {
            Assert.That((await query.WaitAsync(TimeSpan.FromSeconds(10))).IsTruncated, Is.False);
            Assert.That(resolver.TruncationFallback, Is.SameAs(other));
        }
    }

    [Test]
    public async Task Dialling_counts_for_the_time_limit()
    {
        _socket.OnDial = token => new ValueTask(Task.Delay(Timeout.Infinite, token));
        Task<DnsResponse> query = Resolver().QueryAsync(s_question).AsTask();
        _time.Advance(TimeSpan.FromSeconds(5));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query);
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Dial, NetworkError.TimedOut)));
        Assert.That(_socket.DisposeCount, Is.Zero);
    }

    [Test]
    public async Task A_dialer_that_ignores_its_token_is_given_up_and_what_it_brings_later_disposed()
    {
        TaskCompletionSource deaf = new();
        _socket.OnDial = _ => new ValueTask(deaf.Task);
        Task<DnsResponse> query = Resolver().QueryAsync(s_question).AsTask();
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.That((await Assert.ThrowsAsync<DnsException>(async () => await query)).Error, Is.EqualTo(NetworkError.TimedOut));
        deaf.SetResult();
        await Eventually.IsAsync(() => _socket.DisposeCount == 1, "the late socket is disposed");
    }

    [Test]
    public async Task Sending_counts_for_the_time_limit()
    {
        _socket.OnSend = (_, token) => new ValueTask(Task.Delay(Timeout.Infinite, token));
        Task<DnsResponse> query = Resolver().QueryAsync(s_question).AsTask();
        _time.Advance(TimeSpan.FromSeconds(5));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query);
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Send, NetworkError.TimedOut)));
        Assert.That(_socket.DisposeCount, Is.EqualTo(1));
    }

    [TestCase(DnsStage.Dial)]
    [TestCase(DnsStage.Send)]
    [TestCase(DnsStage.Receive)]
    public async Task A_failure_names_its_stage_and_frees_the_socket(DnsStage stage)
    {
        NetworkException failure = new(NetworkError.NetworkUnreachable, "no way");
        switch (stage)
        {
            case DnsStage.Dial:
                _socket.OnDial = _ => throw failure;
                break;
            case DnsStage.Send:
                _socket.OnSend = (_, _) => throw failure;
                break;
            default:
                _socket.FailsToReceive(failure);
                break;
        }

        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await Resolver().QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((stage, NetworkError.NetworkUnreachable)));
        Assert.That(exception.InnerException, Is.SameAs(failure));
        Assert.That(exception.Message, Does.Contain("192.0.2.53:53").And.Contain("no way"));
        Assert.That(_socket.DisposeCount, Is.EqualTo(stage == DnsStage.Dial ? 0 : 1));
    }

    [TestCase(DnsStage.Dial)]
    [TestCase(DnsStage.Send)]
    [TestCase(DnsStage.Receive)]
    public async Task Cancelling_works_at_each_stage(DnsStage stage)
    {
        TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        async ValueTask HangAsync(CancellationToken token)
        {
            reached.SetResult();
            await Task.Delay(Timeout.Infinite, token);
        }

        _socket.OnDial = stage == DnsStage.Dial ? HangAsync : null;
        _socket.OnSend = stage == DnsStage.Send ? (_, token) => HangAsync(token) : null;
        using CancellationTokenSource cancel = new();
        Task<DnsResponse> query = Resolver().QueryAsync(s_question, cancel.Token).AsTask();
        await (stage == DnsStage.Receive ? _socket.NextAsync() : reached.Task);
        await cancel.CancelAsync();
        OperationCanceledException exception = await Assert.CatchAsync<OperationCanceledException>(async () => await query);
        Assert.That(exception.CancellationToken, Is.EqualTo(cancel.Token));
        Assert.That(_socket.DisposeCount, Is.EqualTo(stage == DnsStage.Dial ? 0 : 1));
        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task A_cancelled_token_opens_nothing()
    {
        await Assert.CatchAsync<OperationCanceledException>(async () => await Resolver().QueryAsync(s_question, new CancellationToken(canceled: true)));
        Assert.That(_socket.Dialled, Is.Empty);
    }

    [Test]
    public async Task Port_0_stands_for_53()
    {
        Task<DnsResponse> query = Resolver().QueryAsync(s_question).AsTask();
        _socket.Answers(WireMessage.AnswerTo(await _socket.NextAsync(), "192.0.2.1"));
        await query;
        Assert.That(_socket.Dialled, Is.EqualTo(new[] { new IPEndPoint(IPAddress.Parse("192.0.2.53"), 53) }));
    }

    [Test]
    public void Bad_arguments_are_rejected()
    {
        IPEndPoint server = new(IPAddress.Loopback, 53);
        Assert.That(() => new UdpResolver((IPEndPoint)null!), Throws.ArgumentNullException);
        Assert.That(() => new UdpResolver(null!, server), Throws.ArgumentNullException);
        Assert.That(() => new UdpResolver(_socket, null!), Throws.ArgumentNullException);
        Assert.That(() => new UdpResolver(server) { Timeout = TimeSpan.Zero }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new UdpResolver(server) { Timeout = TimeSpan.FromDays(25) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new UdpResolver(server) { RetransmitDelay = TimeSpan.Zero }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new UdpResolver(server) { TimeProvider = null! }, Throws.ArgumentNullException);
        Assert.That(async () => await Resolver().QueryAsync(null!), Throws.ArgumentNullException);
    }

    private UdpResolver Resolver() => new(_socket, IPEndPoint.Parse("192.0.2.53")) { TimeProvider = _time };

    /// <summary>Waits until the query does: for its limit and for the next sending, whichever is first in so many milliseconds.</summary>
    private async Task WaitsForAsync(int milliseconds)
    {
        await Eventually.IsAsync(() => _time.ActiveTimers == 2, "the query waits");
        Assert.That(_time.NextTimer, Is.EqualTo(TimeSpan.FromMilliseconds(milliseconds)));
    }
}
