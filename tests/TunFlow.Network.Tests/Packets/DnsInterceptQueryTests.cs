using System.Net;
using Moq;

namespace TunFlow.Network.Tests;

/// <summary>What is intercepted.</summary>
internal sealed class DnsInterceptQueryTests : DnsInterceptFixture
{
    [Test]
    public async Task A_query_goes_to_the_remote_resolver_and_its_answer_comes_from_the_local_one()
    {
        byte[] query = Query(7);
        await Sender.WriteToAsync(query, Local);
        ScriptedSession inner = Dns.Last;
        Assert.That(inner.Sent.Single(), Is.EqualTo((query, Remote)));
        await inner.Receiver.WriteFromAsync(Answer(query), Remote);
        Assert.That(await Receiver.NextAsync(), Is.EqualTo((Answer(query), Local)));
        Assert.That((Default.Calls, Statistics.QueriesSent, Statistics.QueriesAnswered), Is.EqualTo((0, 1L, 1L)));
    }

    [TestCase("10.9.0.1", "::ffff:10.9.0.1")]
    [TestCase("::ffff:10.9.0.1", "10.9.0.1")]
    [TestCase("::ffff:10.9.0.1", "::ffff:10.9.0.1")]
    [TestCase("fd09::1", "fd09::1")]
    public async Task Both_spellings_of_an_IPv4_resolver_are_one_and_the_answer_has_that_of_the_application(string configured, string asked)
    {
        await using IPacketRequestSender sender = await Create(new IPEndPoint(IPAddress.Parse(configured), 53)).NewSessionAsync(Receiver);
        IPEndPoint local = new(IPAddress.Parse(asked), 53);
        await sender.WriteToAsync(Query(1), local);
        await Dns.Last.Receiver.WriteFromAsync(Answer(Query(1)), new IPEndPoint(Remote.Address.MapToIPv6(), 53));
        Assert.That((await Receiver.NextAsync()).Source, Is.EqualTo(local));

        // That session ended and took the receiver with it.
        await Receiver.Disposed.WaitAsync(Limit);
        await Sender.DisposeAsync();
        await ReopenAsync();
    }

    [TestCase("10.9.0.1", 54)]
    [TestCase("10.9.0.2", 53)]
    [TestCase("::10.9.0.1", 53)]
    public async Task Whoever_isnt_exactly_the_local_resolver_is_not_intercepted(string address, int port)
    {
        IPEndPoint destination = new(IPAddress.Parse(address), port);
        await Sender.WriteToAsync(Query(1), destination);
        Assert.That((Dns.Calls, Default.Last.Sent.Single().Destination), Is.EqualTo((0, destination)));
    }

    [Test]
    public async Task Each_query_has_an_inner_session_of_its_own_and_answers_come_in_any_order()
    {
        for (ushort i = 0; i < 5; i++)
        {
            await Sender.WriteToAsync(Query(i), Local);
        }

        ScriptedSession[] inner = [.. Dns.Sessions];
        Assert.That(inner, Has.Length.EqualTo(5));
        Assert.That(Statistics.PendingQueries, Is.EqualTo(5));
        for (int i = 4; i >= 0; i--)
        {
            await inner[i].Receiver.WriteFromAsync(Answer(Query((ushort)i)), Remote);
            Assert.That((await Receiver.NextAsync()).Payload, Is.EqualTo(Answer(Query((ushort)i))));
            await Eventually.IsAsync(() => inner[i].Disposals == 1, "an answered query's session is disposed");
        }
    }

    [Test]
    public async Task A_repeated_query_goes_out_through_the_same_inner_session()
    {
        byte[] query = Query(1);
        await Sender.WriteToAsync(query, Local);
        await Sender.WriteToAsync(query, Local);
        Assert.That((Dns.Calls, Dns.Last.Sent.Count, Statistics.QueriesRepeated), Is.EqualTo((1, 2, 1L)));
        await Sender.WriteToAsync(Query(1, "example.org"), Local);
        Assert.That(Dns.Calls, Is.EqualTo(2));
    }

    [Test]
    public async Task What_does_not_answer_the_query_is_dropped_and_the_true_answer_still_comes()
    {
        byte[] query = Query(0x1234);
        await Sender.WriteToAsync(query, Local);
        IPacketResponseReceiver inner = Dns.Last.Receiver;
        byte[] answer = Answer(query);
        byte[] noQuestion = answer[..12];
        noQuestion[5] = 0;
        byte[] opcode = [.. answer];
        opcode[2] |= 0x10;
        (byte[] Payload, IPEndPoint Source)[] forged =
        [
            (Answer(Query(0x1235)), Remote),
            (Answer(Query(0x1234, "example.org")), Remote),
            (Answer(Query(0x1234, "example.com", 28)), Remote),
            (Answer(Query(0x1234, "example.com", 0x21)), Remote),
            (query, Remote),
            (opcode, Remote),
            (noQuestion, Remote),
            (answer[..^1], Remote),
            (answer[..11], Remote),
            ([], Remote),
            (answer, IPEndPoint.Parse("9.9.9.9:54")),
            (answer, IPEndPoint.Parse("9.9.9.10:53")),
            (answer, Local),
        ];
        foreach ((byte[] payload, IPEndPoint source) in forged)
        {
            await inner.WriteFromAsync(payload, source);
        }

        Assert.That((Receiver.Waiting, Statistics.MismatchedAnswers), Is.EqualTo((0, (long)forged.Length)));
        await inner.WriteFromAsync(answer, Remote);
        Assert.That((await Receiver.NextAsync()).Payload, Is.EqualTo(answer));
    }

    [Test]
    public async Task Names_are_compared_without_regard_to_case_and_types_are_not()
    {
        await Sender.WriteToAsync(Query(1, "Example.COM", 0x41), Local);
        await Dns.Last.Receiver.WriteFromAsync(Answer(Query(1, "example.com", 0x61)), Remote);
        Assert.That(Receiver.Waiting, Is.Zero);
        await Dns.Last.Receiver.WriteFromAsync(Answer(Query(1, "eXample.com", 0x41)), Remote);
        Assert.That((await Receiver.NextAsync()).Payload, Is.EqualTo(Answer(Query(1, "eXample.com", 0x41))));
    }

    [TestCase(1, true)]
    [TestCase(2, true)]
    [TestCase(4, true)]
    [TestCase(5, true)]
    [TestCase(0, false)]
    [TestCase(3, false)]
    public async Task An_answer_may_leave_the_question_out_only_if_it_is_an_error_that_says_nothing_about_the_name(int rcode, bool accepted)
    {
        await Sender.WriteToAsync(Query(1), Local);
        await Dns.Last.Receiver.WriteFromAsync(new byte[] { 0, 1, 0x81, (byte)rcode, 0, 0, 0, 0, 0, 0, 0, 0 }, Remote);
        Assert.That(Receiver.Waiting, Is.EqualTo(accepted ? 1 : 0));
    }

    [Test]
    public async Task Only_the_first_answer_is_handed_up()
    {
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        await Sender.WriteToAsync(Query(1), Local);
        IPacketResponseReceiver inner = Dns.Last.Receiver;
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Receiver.OnWrite = _ => new ValueTask(gate.Task);
        Task first = inner.WriteFromAsync(Answer(Query(1)), Remote).AsTask();
        await inner.WriteFromAsync(Answer(Query(1)), Remote);
        gate.SetResult();
        await first;
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await inner.WriteFromAsync(Answer(Query(1)), Remote));
        Assert.That((Receiver.Waiting, Statistics.MismatchedAnswers), Is.EqualTo((1, 1L)));
    }

    [Test]
    public async Task What_is_no_query_is_a_protocol_violation_and_the_session_goes_on()
    {
        byte[] compressed = Query(1);
        compressed[12] = 0xC0;
        foreach (byte[] payload in new[] { new byte[1], new byte[11], Query(1)[..^1], Query(1)[..20], Answer(Query(1)), compressed, Query(1, string.Join('.', Enumerable.Repeat("abcdefghi", 26))) })
        {
            await AssertFailsAsync(payload, Local, NetworkError.ProtocolViolation);
        }

        Assert.That((Dns.Calls, Statistics.MalformedQueries), Is.EqualTo((0, 7L)));
        await Sender.WriteToAsync(Query(1), Local);
    }

    [Test]
    public async Task Pending_queries_are_bounded_per_session_and_in_total()
    {
        DnsInterceptPacketProxy proxy = Create(Local, maxPending: 5, maxPendingPerSession: 3);
        RecordingReceiver firstReceiver = new();
        IPacketRequestSender first = await proxy.NewSessionAsync(firstReceiver);
        IPacketRequestSender second = await proxy.NewSessionAsync(new RecordingReceiver());
        await first.WriteToAsync(new byte[1], Other);
        for (ushort i = 0; i < 3; i++)
        {
            await first.WriteToAsync(Query(i), Local);
        }

        await AssertFailsAsync(Query(9), Local, NetworkError.ResourceExhausted, first);
        await second.WriteToAsync(Query(1), Local);
        await second.WriteToAsync(Query(2), Local);
        await AssertFailsAsync(Query(9), Local, NetworkError.ResourceExhausted, second);
        Assert.That(proxy.GetStatistics(), Has.Property("PendingQueries").EqualTo(5).And.Property("QueriesRefused").EqualTo(2));

        await Dns.Sessions.First().Receiver.WriteFromAsync(Answer(Query(0)), Remote);
        await firstReceiver.NextAsync();
        await second.WriteToAsync(Query(9), Local);
        await first.DisposeAsync();
        await second.DisposeAsync();
        Assert.That(proxy.GetStatistics().PendingQueries, Is.Zero);
    }

    [Test]
    public async Task A_query_without_an_answer_ends_after_ten_seconds_counted_from_its_last_repetition()
    {
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        await Sender.WriteToAsync(Query(1), Local);
        Time.Advance(TimeSpan.FromSeconds(6));
        await Sender.WriteToAsync(Query(1), Local);
        Time.Advance(TimeSpan.FromSeconds(9));
        Assert.That(Dns.Last.Disposals, Is.Zero);
        Time.Advance(TimeSpan.FromSeconds(1.5));
        Assert.That((Dns.Last.Disposals, Statistics.QueriesTimedOut, Statistics.PendingQueries), Is.EqualTo((1, 1L, 0L)));
        await Sender.WriteToAsync(Query(1), Local);
        Assert.That(Dns.Calls, Is.EqualTo(2));
    }

    [Test]
    public async Task A_dns_proxy_that_fails_is_the_querys_error_only()
    {
        Dns.OnOpen = (_, _) => throw new NetworkException(NetworkError.ResourceExhausted);
        await AssertFailsAsync(Query(1), Local, NetworkError.ResourceExhausted);
        Dns.OnOpen = (_, _) => throw new ObjectDisposedException("the proxy");
        await AssertFailsAsync(Query(1), Local, NetworkError.ConnectionAborted);
        Dns.OnOpen = null;
        Dns.OnSend = (_, _) => throw new NetworkException(NetworkError.MessageTooLarge);
        await AssertFailsAsync(Query(1), Local, NetworkError.MessageTooLarge);
        Assert.That((Dns.Last.Disposals, Receiver.DisposeCount, Statistics.QueriesFailed, Statistics.PendingQueries), Is.EqualTo((1, 0, 3L, 0L)));
        Dns.OnSend = null;
        await Sender.WriteToAsync(Query(1), Local);
        await Dns.Last.Receiver.WriteFromAsync(Answer(Query(1)), Remote);
        await Receiver.NextAsync();
    }

    [Test]
    public async Task An_opening_of_the_dns_proxy_that_hangs_times_out()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Dns.OnOpen = async (_, _) => await gate.Task;
        Task query = Sender.WriteToAsync(Query(1), Local).AsTask();
        Time.Advance(TimeSpan.FromSeconds(10.5));
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => query.WaitAsync(Limit));
        Assert.That((exception.Error, Receiver.DisposeCount), Is.EqualTo((NetworkError.TimedOut, 0)));
        gate.SetResult();
        await Eventually.IsAsync(() => Dns.Sessions.Any(session => session.Disposals == 1), "the session that came late is disposed");
    }

    [Test]
    public async Task A_dns_proxy_that_answers_within_the_send_is_fine()
    {
        Dns.OnSend = async (session, payload) =>
        {
            await session.Receiver.WriteFromAsync(Answer(payload.ToArray()), Remote);
            ObjectDisposedException.ThrowIf(session.Disposals > 0, session);
        };
        await Sender.WriteToAsync(Query(1), Local);
        Assert.That((await Receiver.NextAsync()).Payload, Is.EqualTo(Answer(Query(1))));
        Assert.That(Statistics, Has.Property("QueriesFailed").EqualTo(0).And.Property("QueriesSent").EqualTo(1));
    }

    [Test]
    public async Task An_unreachable_remote_resolver_is_reported_as_the_local_one()
    {
        Mock<IPacketErrorReceiver> receiver = new();
        await using IPacketRequestSender sender = await Proxy.NewSessionAsync(receiver.Object);
        IPEndPoint asked = new(Local.Address.MapToIPv6(), 53);
        await sender.WriteToAsync(Query(1), asked);
        await Dns.Last.ErrorReceiver!.ReportUnreachableAsync(NetworkError.PortUnreachable, new IPEndPoint(Remote.Address, 53));
        await Dns.Last.ErrorReceiver!.ReportUnreachableAsync(NetworkError.PortUnreachable, Other);
        receiver.Verify(target => target.ReportUnreachableAsync(NetworkError.PortUnreachable, asked, It.IsAny<CancellationToken>()), Times.Once);
        receiver.Verify(target => target.ReportUnreachableAsync(It.IsAny<NetworkError>(), Other, It.IsAny<CancellationToken>()), Times.Never);
    }

    [Test]
    public async Task Without_a_receiver_to_tell_an_unreachable_resolver_fails_the_next_query_once()
    {
        await Sender.WriteToAsync(Query(1), Local);
        await Dns.Last.ErrorReceiver!.ReportUnreachableAsync(NetworkError.PortUnreachable, Remote);
        await AssertFailsAsync(Query(2), Local, NetworkError.PortUnreachable);
        await Sender.WriteToAsync(Query(2), Local);
        Assert.That(Dns.Calls, Is.EqualTo(2));
    }

    private async Task ReopenAsync()
    {
        // Tear-down looks at the receiver of the fixture's session.
        await OpenAsync();
    }

    [Test]
    public async Task The_same_query_from_two_threads_opens_one_inner_session()
    {
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        const int Rounds = 300;
        for (ushort i = 0; i < Rounds; i++)
        {
            byte[] query = Query(i);
            using Barrier barrier = new(2);
            Task other = Task.Run(Ask);
            await Ask();
            await other.WaitAsync(Limit);
            Assert.That(Dns.Calls, Is.EqualTo(i + 1));
            await Dns.Last.Receiver.WriteFromAsync(Answer(query), Remote);

            Task Ask()
            {
                barrier.SignalAndWait();
                return Sender.WriteToAsync(query, Local).AsTask();
            }
        }

        Assert.That((Statistics.QueriesRepeated, Statistics.QueriesAnswered), Is.EqualTo(((long)Rounds, (long)Rounds)));
    }

    [Test]
    public async Task A_repeated_query_whose_inner_session_is_over_is_asked_anew_and_the_old_session_disposed()
    {
        await Sender.WriteToAsync(Query(1), Local);
        ScriptedSession first = Dns.Last;
        first.Close();
        await Sender.WriteToAsync(Query(1), Local);
        Assert.That((Dns.Calls, first.Disposals, Receiver.DisposeCount, Statistics.PendingQueries), Is.EqualTo((2, 1, 0, 1L)));
        await Dns.Last.Receiver.WriteFromAsync(Answer(Query(1)), Remote);
        await Receiver.NextAsync();
    }

    [Test]
    public async Task An_answer_that_its_receiver_takes_slowly_is_not_counted_as_timed_out()
    {
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        await Sender.WriteToAsync(Query(1), Local);
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Receiver.OnWrite = _ => new ValueTask(gate.Task);
        Task delivery = Dns.Last.Receiver.WriteFromAsync(Answer(Query(1)), Remote).AsTask();
        Time.Advance(TimeSpan.FromSeconds(11));
        gate.SetResult();
        await delivery.WaitAsync(Limit);
        Assert.That((Statistics.QueriesAnswered, Statistics.QueriesTimedOut, Dns.Last.Disposals), Is.EqualTo((1L, 0L, 1)));
    }
}
