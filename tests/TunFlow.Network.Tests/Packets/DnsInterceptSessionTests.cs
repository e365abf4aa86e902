using System.Net;
using Moq;

namespace TunFlow.Network.Tests;

/// <summary>What isn't intercepted, and how sessions end.</summary>
internal sealed class DnsInterceptSessionTests : DnsInterceptFixture
{
    [Test]
    public void Arguments_and_options_are_checked()
    {
        IPacketProxy proxy = Mock.Of<IPacketProxy>();
        Assert.That(() => new DnsInterceptPacketProxy(null!, proxy, Local, Remote), Throws.ArgumentNullException);
        Assert.That(() => new DnsInterceptPacketProxy(proxy, null!, Local, Remote), Throws.ArgumentNullException);
        Assert.That(() => new DnsInterceptPacketProxy(proxy, proxy, null!, Remote), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("localResolver"));
        Assert.That(() => new DnsInterceptPacketProxy(proxy, proxy, Local, null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("remoteResolver"));
        foreach (string bad in new[] { "0.0.0.0:53", "[::]:53", "[::ffff:0.0.0.0]:53", "1.1.1.1:0" })
        {
            Assert.That(() => new DnsInterceptPacketProxy(proxy, proxy, IPEndPoint.Parse(bad), Remote), Throws.ArgumentException, bad);
        }

        Assert.That(() => new DnsInterceptPacketProxyOptions { QueryTimeout = TimeSpan.Zero }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new DnsInterceptPacketProxyOptions { MaxPendingQueries = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new DnsInterceptPacketProxyOptions { MaxPendingQueriesPerSession = -1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new DnsInterceptPacketProxyOptions { TimeProvider = null! }, Throws.ArgumentNullException);
    }

    [Test]
    public async Task Other_datagrams_pass_both_ways_unchanged_through_one_inner_session()
    {
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        await Sender.WriteToAsync(Query(1), Remote);
        Assert.That((Dns.Calls, Default.Calls), Is.EqualTo((0, 1)));
        Assert.That(Default.Last.Sent, Is.EqualTo(new[] { (new byte[] { 1 }, Other), (Query(1), Remote) }));
        await Default.Last.Receiver.WriteFromAsync(new byte[] { 2 }, Remote);
        Assert.That(await Receiver.NextAsync(), Is.EqualTo((new byte[] { 2 }, Remote)));
    }

    [Test]
    public async Task Nothing_is_opened_before_it_is_needed()
    {
        Assert.That((Dns.Calls, Default.Calls), Is.EqualTo((0, 0)));
        await Sender.WriteToAsync(Query(1), Local);
        Assert.That((Dns.Calls, Default.Calls), Is.EqualTo((1, 0)));
    }

    [Test]
    public async Task An_answer_that_comes_while_opening_is_delivered()
    {
        Default.OnOpen = async (session, _) => await session.Receiver.WriteFromAsync(new byte[] { 7 }, Other);
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        Assert.That((await Receiver.NextAsync()).Payload, Is.EqualTo(new byte[] { 7 }));
    }

    [Test]
    public async Task Concurrent_first_senders_wait_for_one_opening()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Default.OnOpen = async (_, _) => await gate.Task;
        Task[] sends = [.. Enumerable.Range(0, 20).Select(_ => Task.Run(() => Sender.WriteToAsync(new byte[] { 1 }, Other).AsTask()))];
        await Eventually.IsAsync(() => Default.Calls == 1, "the opening");
        gate.SetResult();
        await Task.WhenAll(sends).WaitAsync(Limit);
        Assert.That((Default.Calls, Default.Last.Sent.Count), Is.EqualTo((1, 20)));
    }

    [Test]
    public async Task A_first_sender_that_gives_up_does_not_take_the_opening_from_the_others()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Default.OnOpen = async (_, token) => await gate.Task.WaitAsync(token);
        using CancellationTokenSource cancel = new();
        Task first = Sender.WriteToAsync(new byte[] { 1 }, Other, cancel.Token).AsTask();
        Task second = Sender.WriteToAsync(new byte[] { 2 }, Other).AsTask();
        await cancel.CancelAsync();
        Assert.That(async () => await first.WaitAsync(Limit), Throws.InstanceOf<OperationCanceledException>());
        gate.SetResult();
        await second.WaitAsync(Limit);
        Assert.That(Default.Last.Sent.Single().Payload, Is.EqualTo(new byte[] { 2 }));
    }

    [Test]
    public async Task A_failure_to_open_is_not_remembered()
    {
        Default.OnOpen = (_, _) => throw new NetworkException(NetworkError.ResourceExhausted);
        await AssertFailsAsync([1], Other, NetworkError.ResourceExhausted);
        Default.OnOpen = (_, _) => throw new ObjectDisposedException("the proxy");
        await AssertFailsAsync([1], Other, NetworkError.ConnectionAborted);
        Default.OnOpen = null;
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        Assert.That((Default.Last.Sent.Count, Statistics.DefaultOpenErrors, Statistics.DefaultSessionsOpened), Is.EqualTo((1, 2L, 1L)));
    }

    [Test]
    public async Task An_inner_session_that_expired_is_replaced_within_the_send()
    {
        await Sender.WriteToAsync(Query(1), Local);
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        ScriptedSession first = Default.Last;
        first.Close();
        await Sender.WriteToAsync(new byte[] { 2 }, Other);
        Assert.That((Default.Calls, first.Disposals, Default.Last.Sent.Single().Payload[0]), Is.EqualTo((2, 1, (byte)2)));

        // Also if it said so by disposing its receiver, while a query keeps the session open.
        await Default.Last.Receiver.DisposeAsync();
        await Sender.WriteToAsync(new byte[] { 3 }, Other);
        Assert.That(Default.Calls, Is.EqualTo(3));
        Assert.That(Receiver.DisposeCount, Is.Zero);
    }

    [Test]
    public async Task An_only_inner_session_that_expired_is_replaced_without_ending_the_outer_one()
    {
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        Default.Last.Close();
        await Sender.WriteToAsync(new byte[] { 2 }, Other);
        Assert.That((Default.Calls, Receiver.DisposeCount, Default.Last.Sent.Count), Is.EqualTo((2, 0, 1)));
    }

    [Test]
    public async Task An_inner_session_that_is_closed_again_at_once_ends_the_outer_one()
    {
        Default.OnOpen = (session, _) =>
        {
            session.Close();
            return ValueTask.CompletedTask;
        };
        await AssertFailsAsync([1], Other, NetworkError.Closed);
        await Receiver.Disposed.WaitAsync(Limit);
    }

    [Test]
    public async Task The_session_ends_with_its_last_inner_session()
    {
        await Sender.WriteToAsync(Query(1), Local);
        await Sender.WriteToAsync(Query(2), Local);
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        ScriptedSession[] queries = [.. Dns.Sessions];
        await queries[0].Receiver.WriteFromAsync(Answer(Query(1)), Remote);
        await Default.Last.Receiver.DisposeAsync();
        Assert.That(Receiver.DisposeCount, Is.Zero);
        await queries[1].Receiver.WriteFromAsync(Answer(Query(2)), Remote);
        await Receiver.Disposed.WaitAsync(Limit);
        await AssertFailsAsync(Query(3), Local, NetworkError.Closed);
        await AssertFailsAsync([1], Other, NetworkError.Closed);
        Assert.That(Receiver.Waiting, Is.EqualTo(2));
    }

    [Test]
    public async Task A_session_that_never_had_an_inner_one_ends_by_idleness()
    {
        Default.OnOpen = (_, _) => throw new NetworkException(NetworkError.ResourceExhausted);
        Time.Advance(TimeSpan.FromSeconds(9));
        await AssertFailsAsync([1], Other, NetworkError.ResourceExhausted);
        Time.Advance(TimeSpan.FromSeconds(9));
        Assert.That(Receiver.DisposeCount, Is.Zero);
        Time.Advance(TimeSpan.FromSeconds(1.5));
        await Receiver.Disposed.WaitAsync(Limit);
        Assert.That(Statistics.SessionsExpired, Is.EqualTo(1));
    }

    [Test]
    public async Task An_open_inner_session_keeps_the_session_however_long_nothing_is_sent()
    {
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        Time.Advance(TimeSpan.FromHours(1));
        await Default.Last.Receiver.WriteFromAsync(new byte[] { 2 }, Other);
        await Receiver.NextAsync();
        await Sender.WriteToAsync(new byte[] { 3 }, Other);
        Assert.That((Default.Calls, Receiver.DisposeCount), Is.EqualTo((1, 0)));
    }

    [Test]
    public async Task Disposing_while_the_default_session_opens_wakes_who_waits_and_disposes_what_comes_late()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Default.OnOpen = async (_, _) => await gate.Task;
        Task[] sends = [.. Enumerable.Range(0, 3).Select(_ => Sender.WriteToAsync(new byte[] { 1 }, Other).AsTask())];
        await Sender.DisposeAsync().AsTask().WaitAsync(Limit);
        foreach (Task send in sends)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => send.WaitAsync(Limit));
        }

        gate.SetResult();
        await Eventually.IsAsync(() => Default.Sessions.Any(session => session.Disposals == 1), "the late session is disposed");
    }

    [Test]
    public async Task Disposing_cancels_an_opening_that_listens_to_its_token()
    {
        TaskCompletionSource<bool> cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Default.OnOpen = async (_, token) =>
        {
            await using CancellationTokenRegistration registration = token.Register(() => cancelled.TrySetResult(true));
            await cancelled.Task;
            token.ThrowIfCancellationRequested();
        };
        Task send = Sender.WriteToAsync(new byte[] { 1 }, Other).AsTask();
        await Sender.DisposeAsync().AsTask().WaitAsync(Limit);
        Assert.That(await cancelled.Task.WaitAsync(Limit), Is.True);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => send.WaitAsync(Limit));
    }

    [Test]
    public async Task Disposing_disposes_every_inner_session()
    {
        await Sender.WriteToAsync(Query(1), Local);
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        await Sender.WriteToAsync(Query(2), Local);
        await Sender.DisposeAsync();
        Assert.That(Dns.Sessions.Concat(Default.Sessions).Select(session => session.Disposals), Is.EqualTo(new[] { 1, 1, 1 }));
    }

    [Test]
    public async Task Unreachable_destinations_of_the_default_proxy_are_reported_unchanged_and_only_to_receivers_that_want_to_know()
    {
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        Assert.That(Default.Last.ErrorReceiver, Is.Null);
        Mock<IPacketErrorReceiver> receiver = new();
        await using IPacketRequestSender sender = await Proxy.NewSessionAsync(receiver.Object);
        await sender.WriteToAsync(new byte[] { 1 }, Other);
        await Default.Last.ErrorReceiver!.ReportUnreachableAsync(NetworkError.HostUnreachable, Other);
        receiver.Verify(target => target.ReportUnreachableAsync(NetworkError.HostUnreachable, Other, It.IsAny<CancellationToken>()), Times.Once);
    }

    [Test]
    public async Task Truncation_serves_as_the_dns_proxy()
    {
        await using IPacketRequestSender sender = await new DnsInterceptPacketProxy(new DnsTruncatePacketProxy(), Default, Local, Remote).NewSessionAsync(Receiver);
        await sender.WriteToAsync(Query(1), Local);
        (byte[] answer, IPEndPoint source) = await Receiver.NextAsync();
        Assert.That((answer[2] & 0x82, source), Is.EqualTo((0x82, Local)));
        await Receiver.Disposed.WaitAsync(Limit);
        await Sender.DisposeAsync();
        await OpenAsync();
    }

    [Test]
    public async Task A_default_proxy_that_never_opens_holds_nobody_longer_than_the_query_timeout()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Default.OnOpen = async (_, _) => await gate.Task;
        Task first = Sender.WriteToAsync(new byte[] { 1 }, Other).AsTask();
        Time.Advance(TimeSpan.FromSeconds(5));
        Task second = Sender.WriteToAsync(new byte[] { 2 }, Other).AsTask();
        Time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.That((first.IsCompleted, second.IsCompleted), Is.EqualTo((false, false)));
        Time.Advance(TimeSpan.FromSeconds(0.5));
        foreach (Task send in new[] { first, second })
        {
            NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => send.WaitAsync(Limit));
            Assert.That(exception.Error, Is.EqualTo(NetworkError.TimedOut));
        }

        Assert.That((Receiver.DisposeCount, Statistics.DefaultOpenErrors, Statistics.QueriesTimedOut), Is.EqualTo((0, 1L, 0L)));

        // The next datagram tries again, and has the whole time again.
        Task third = Sender.WriteToAsync(new byte[] { 3 }, Other).AsTask();
        Assert.That(Default.Calls, Is.EqualTo(2));
        Time.Advance(TimeSpan.FromSeconds(9));
        Assert.That(third.IsCompleted, Is.False);
        gate.SetResult();
        await third.WaitAsync(Limit);
        await Eventually.IsAsync(() => Default.Sessions.Count(session => session.Disposals == 1) == 1, "the session that came late is disposed");
        Assert.That(Default.Sessions.Single(session => session.Disposals == 0).Sent.Single().Payload, Is.EqualTo(new byte[] { 3 }));

        // Opened it has no such limit.
        Time.Advance(TimeSpan.FromHours(1));
        await Sender.WriteToAsync(new byte[] { 4 }, Other);
        Assert.That(Default.Calls, Is.EqualTo(2));
    }

    [Test]
    public async Task A_session_whose_default_proxy_never_opens_does_not_live_for_ever()
    {
        CancellationToken given = default;
        Default.OnOpen = async (_, token) =>
        {
            given = token;
            await Task.Delay(Timeout.Infinite, token);
        };
        Task send = Sender.WriteToAsync(new byte[] { 1 }, Other).AsTask();
        Time.Advance(TimeSpan.FromSeconds(10.5));
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => send.WaitAsync(Limit));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.TimedOut));
        await Eventually.IsAsync(() => given.IsCancellationRequested, "the opening is cancelled");
        Time.Advance(TimeSpan.FromSeconds(21));
        await Receiver.Disposed.WaitAsync(Limit);
        Assert.That((Statistics.SessionsExpired, Statistics.ActiveSessions), Is.EqualTo((1L, 0L)));
    }

    [Test]
    public async Task A_default_proxy_whose_sessions_end_at_once_takes_no_pending_query_with_it()
    {
        await Sender.WriteToAsync(Query(1), Local);
        Default.OnOpen = (session, _) =>
        {
            session.Close();
            return ValueTask.CompletedTask;
        };
        await AssertFailsAsync([1], Other, NetworkError.ConnectionAborted);
        Assert.That((Default.Last.Disposals, Receiver.DisposeCount), Is.EqualTo((1, 0)));
        Default.OnOpen = null;
        await Sender.WriteToAsync(new byte[] { 2 }, Other);
        await Dns.Last.Receiver.WriteFromAsync(Answer(Query(1)), Remote);
        Assert.That((await Receiver.NextAsync()).Payload, Is.EqualTo(Answer(Query(1))));
        Assert.That(Default.Last.Sent.Single().Payload, Is.EqualTo(new byte[] { 2 }));
    }

    [Test]
    public async Task An_inner_session_whose_disposal_hangs_does_not_hold_the_others_open()
    {
        await Sender.WriteToAsync(Query(1), Local);
        await Sender.WriteToAsync(Query(2), Local);
        await Sender.WriteToAsync(new byte[] { 1 }, Other);
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedSession hanging = Dns.Sessions.First();
        Dns.OnDispose = session => session == hanging ? new ValueTask(gate.Task) : throw new InvalidOperationException("disposal");
        Task disposal = Sender.DisposeAsync().AsTask();
        Assert.That((Dns.Last.Disposals, Default.Last.Disposals, disposal.IsCompleted), Is.EqualTo((1, 1, false)));
        gate.SetResult();
        await Assert.ThrowsAsync<InvalidOperationException>(() => disposal.WaitAsync(Limit));
        await Receiver.Disposed.WaitAsync(Limit);
    }
}
