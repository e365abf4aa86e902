using System.Net;
using Moq;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class IdleTimeoutPacketProxyTests
{
    private static readonly IPEndPoint s_remote = IPEndPoint.Parse("192.0.2.7:443");
    private static readonly IPEndPoint s_resolver = IPEndPoint.Parse("192.0.2.7:53");

    private readonly ManualTimeProvider _time = new();

    [Test]
    public void Options_and_arguments_are_checked()
    {
        Assert.That(() => new IdleTimeoutPacketProxy(null!), Throws.ArgumentNullException);
        Assert.That(() => new IdleTimeoutPacketProxyOptions { IdleTimeout = TimeSpan.Zero }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new IdleTimeoutPacketProxyOptions { DnsIdleTimeout = TimeSpan.FromTicks(-1) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new IdleTimeoutPacketProxyOptions { TimeProvider = null! }, Throws.ArgumentNullException);
        Assert.That(new IdleTimeoutPacketProxy(Mock.Of<IPacketProxy>()).IdleTimeout, Is.EqualTo(TimeSpan.FromSeconds(30)));
    }

    [Test]
    public async Task An_idle_session_is_closed_and_its_inner_sender_disposed_once()
    {
        Session session = await OpenAsync(new());
        _time.Advance(TimeSpan.FromSeconds(31));
        await session.AssertExpiredAsync();
        Assert.That(session.Proxy.GetStatistics(), Has.Property("SessionsExpired").EqualTo(1).And.Property("ActiveSessions").EqualTo(0));
        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task Each_send_starts_the_time_anew()
    {
        Session session = await OpenAsync(new());
        for (int i = 0; i < 3; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(15));
            await session.Sender.WriteToAsync(new byte[1], s_remote);
        }

        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.That(session.Receiver.DisposeCount, Is.Zero);
        _time.Advance(TimeSpan.FromSeconds(2));
        await session.AssertExpiredAsync();
    }

    [TestCase(false)]
    [TestCase(true)]
    [Weakness(29)]
    public async Task Responses_prolong_a_session_only_on_demand(bool prolong)
    {
        Session session = await OpenAsync(new() { ResponsesProlong = prolong });
        for (int i = 0; i < 3; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(9));
            await session.InnerReceiver.WriteFromAsync(new byte[1], s_remote);
        }

        _time.Advance(TimeSpan.FromSeconds(5));
        if (prolong)
        {
            Assert.That(session.Receiver.DisposeCount, Is.Zero);
            _time.Advance(TimeSpan.FromSeconds(26));
        }

        await session.AssertExpiredAsync();
    }

    [Test]
    [Weakness(29)]
    public async Task A_session_that_only_asks_name_servers_ends_sooner_until_it_sends_elsewhere()
    {
        IdleTimeoutPacketProxyOptions options = new() { DnsIdleTimeout = TimeSpan.FromSeconds(5) };
        Session dns = await OpenAsync(options);
        Session both = await OpenAsync(options);
        Session unused = await OpenAsync(options);
        await dns.Sender.WriteToAsync(new byte[1], s_resolver);
        await both.Sender.WriteToAsync(new byte[1], s_resolver);
        await both.Sender.WriteToAsync(new byte[1], s_remote);
        await both.Sender.WriteToAsync(new byte[1], s_resolver);
        _time.Advance(TimeSpan.FromSeconds(5.2));
        await dns.AssertExpiredAsync();
        _time.Advance(TimeSpan.FromSeconds(24));
        Assert.That((both.Receiver.DisposeCount, unused.Receiver.DisposeCount), Is.EqualTo((0, 0)));
        _time.Advance(TimeSpan.FromSeconds(2));
        await both.AssertExpiredAsync();
        await unused.AssertExpiredAsync();
    }

    [Test]
    public async Task A_session_used_after_the_sweep_looked_at_it_lives_on()
    {
        Session session = await OpenAsync(new());
        _time.Advance(TimeSpan.FromSeconds(29));
        await session.Sender.WriteToAsync(new byte[1], s_remote);

        // What the sweep does once it found the session idle; the send came in between.
        ((IIdleSession)session.Sender).Expire();
        await session.Sender.WriteToAsync(new byte[1], s_remote);
        Assert.That((session.Receiver.DisposeCount, session.Proxy.GetStatistics().SessionsExpired), Is.EqualTo((0, 0L)));
        await session.Sender.DisposeAsync();
        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task A_session_that_ends_before_opening_returns_is_closed()
    {
        RecordingReceiver receiver = new();
        Mock<IPacketRequestSender> inner = new();
        Mock<IPacketProxy> proxy = new();
        proxy.Setup(target => target.NewSessionAsync(It.IsAny<IPacketResponseReceiver>(), It.IsAny<CancellationToken>()))
            .Returns(async (IPacketResponseReceiver innerReceiver, CancellationToken _) =>
            {
                await innerReceiver.DisposeAsync();
                Assert.That(receiver.DisposeCount, Is.Zero, "the receiver is the caller's until opening returns");
                return inner.Object;
            });
        IPacketRequestSender sender = await new IdleTimeoutPacketProxy(proxy.Object).NewSessionAsync(receiver);
        await receiver.Disposed.WaitAsync(TimeSpan.FromSeconds(10));
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await sender.WriteToAsync(new byte[1], s_remote));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
        inner.Verify(target => target.DisposeAsync(), Times.Once);
    }

    [Test]
    public async Task A_proxy_that_returns_no_sender_is_an_error()
    {
        RecordingReceiver receiver = new();
        Mock<IPacketProxy> proxy = new();
        proxy.Setup(target => target.NewSessionAsync(It.IsAny<IPacketResponseReceiver>(), It.IsAny<CancellationToken>())).ReturnsAsync((IPacketRequestSender)null!);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await new IdleTimeoutPacketProxy(proxy.Object).NewSessionAsync(receiver));
        Assert.That(receiver.DisposeCount, Is.Zero);
    }

    [Test]
    public async Task Unreachable_destinations_are_reported_to_receivers_that_want_to_know_and_only_to_them()
    {
        Session plain = await OpenAsync(new());
        Assert.That(plain.InnerReceiver, Is.Not.InstanceOf<IPacketErrorReceiver>());
        Mock<IPacketErrorReceiver> receiver = new();
        IPacketResponseReceiver? inner = null;
        Mock<IPacketProxy> proxy = Proxy(Mock.Of<IPacketRequestSender>(), value => inner = value);
        await using IPacketRequestSender sender = await new IdleTimeoutPacketProxy(proxy.Object).NewSessionAsync(receiver.Object);
        await ((IPacketErrorReceiver)inner!).ReportUnreachableAsync(NetworkError.HostUnreachable, s_remote);
        receiver.Verify(target => target.ReportUnreachableAsync(NetworkError.HostUnreachable, s_remote, It.IsAny<CancellationToken>()), Times.Once);
        await plain.Sender.DisposeAsync();
    }

    [Test]
    public async Task Errors_of_the_inner_session_pass_through_and_do_not_end_it()
    {
        Session session = await OpenAsync(new());
        session.Inner.Setup(target => target.WriteToAsync(It.IsAny<ReadOnlyMemory<byte>>(), s_remote, It.IsAny<CancellationToken>()))
            .Returns(ValueTask.FromException(new NetworkException(NetworkError.PortUnreachable)));
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await session.Sender.WriteToAsync(new byte[1], s_remote));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.PortUnreachable));
        await session.Sender.WriteToAsync(new byte[1], s_resolver);
        await session.Sender.DisposeAsync();
    }

    private static Mock<IPacketProxy> Proxy(IPacketRequestSender sender, Action<IPacketResponseReceiver> opened)
    {
        Mock<IPacketProxy> proxy = new();
        proxy.Setup(target => target.NewSessionAsync(It.IsAny<IPacketResponseReceiver>(), It.IsAny<CancellationToken>()))
            .Returns((IPacketResponseReceiver receiver, CancellationToken _) =>
            {
                opened(receiver);
                return new ValueTask<IPacketRequestSender>(sender);
            });
        return proxy;
    }

    private async Task<Session> OpenAsync(IdleTimeoutPacketProxyOptions options)
    {
        Mock<IPacketRequestSender> inner = new();
        IPacketResponseReceiver? innerReceiver = null;
        IdleTimeoutPacketProxy proxy = new(Proxy(inner.Object, value => innerReceiver = value).Object, new IdleTimeoutPacketProxyOptions
        {
            IdleTimeout = options.IdleTimeout,
            DnsIdleTimeout = options.DnsIdleTimeout,
            ResponsesProlong = options.ResponsesProlong,
            TimeProvider = _time,
        });
        RecordingReceiver receiver = new();
        return new Session(proxy, await proxy.NewSessionAsync(receiver), receiver, inner, innerReceiver!);
    }

    private sealed record Session(
        IdleTimeoutPacketProxy Proxy, IPacketRequestSender Sender, RecordingReceiver Receiver, Mock<IPacketRequestSender> Inner, IPacketResponseReceiver InnerReceiver)
    {
        public async Task AssertExpiredAsync()
        {
            await Receiver.Disposed.WaitAsync(TimeSpan.FromSeconds(10));
            NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await Sender.WriteToAsync(new byte[1], s_remote));
            Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
            await Sender.DisposeAsync();
            Inner.Verify(target => target.DisposeAsync(), Times.Once);
            Assert.That(Receiver.DisposeCount, Is.EqualTo(1));
        }
    }
}
