using System.Net;
using Moq;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Timeouts per kind, spellings of addresses, listeners and transports that misbehave.</summary>
internal sealed class PacketListenerProxyEdgeTests
{
    private static readonly IPEndPoint s_remote = IPEndPoint.Parse("192.0.2.7:443");
    private static readonly IPEndPoint s_resolver = IPEndPoint.Parse("192.0.2.7:53");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    private ManualTimeProvider _time = null!;
    private EchoListener _listener = null!;

    [SetUp]
    public void SetUp()
    {
        _time = new ManualTimeProvider();
        _listener = new EchoListener();
    }

    [Test]
    public void Options_are_checked()
    {
        Assert.That(() => new PacketListenerProxyOptions { DnsIdleTimeout = TimeSpan.Zero }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new PacketListenerProxyOptions { WriteIdleTimeout = TimeSpan.FromDays(31) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new PacketListenerProxyOptions { TimeProvider = null! }, Throws.ArgumentNullException);
        Assert.That(new PacketListenerProxyOptions { DnsIdleTimeout = null }.DnsIdleTimeout, Is.Null);
    }

    [Test]
    public async Task A_session_that_only_asks_name_servers_ends_sooner_until_it_sends_elsewhere()
    {
        PacketListenerProxy proxy = Create(new() { TimeProvider = _time, DnsIdleTimeout = TimeSpan.FromSeconds(5) });
        RecordingReceiver[] receivers = [new(), new(), new()];
        IPacketRequestSender dns = await proxy.NewSessionAsync(receivers[0]);
        IPacketRequestSender both = await proxy.NewSessionAsync(receivers[1]);
        await proxy.NewSessionAsync(receivers[2]);
        await both.WriteToAsync(new byte[1], s_resolver);
        _time.Advance(TimeSpan.FromSeconds(4));
        await dns.WriteToAsync(new byte[1], s_resolver);
        await both.WriteToAsync(new byte[1], s_remote);
        Assert.That(_time.ActiveTimers, Is.EqualTo(1));
        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.That(receivers[0].DisposeCount, Is.Zero);
        _time.Advance(TimeSpan.FromSeconds(0.3));
        await receivers[0].Disposed.WaitAsync(s_limit);
        Assert.That((receivers[1].DisposeCount, receivers[2].DisposeCount), Is.EqualTo((0, 0)));
        _time.Advance(TimeSpan.FromSeconds(26));
        await receivers[1].Disposed.WaitAsync(s_limit);
        await receivers[2].Disposed.WaitAsync(s_limit);
        Assert.That((proxy.GetStatistics().SessionsExpired, _time.ActiveTimers), Is.EqualTo((3L, 0)));
    }

    [Test]
    public async Task Responses_prolong_a_session_on_demand()
    {
        RecordingReceiver receiver = new();
        await Create(new() { TimeProvider = _time, ResponsesProlong = true }).NewSessionAsync(receiver);
        for (int i = 0; i < 3; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(25));
            _listener.Connections.Single().Receives([1], s_remote);
            await receiver.NextAsync();
        }

        Assert.That(receiver.DisposeCount, Is.Zero);
        _time.Advance(TimeSpan.FromSeconds(31));
        await receiver.Disposed.WaitAsync(s_limit);
    }

    [Test]
    [Weakness(29)]
    public async Task A_packet_at_the_moment_of_expiry_is_sent_or_fails_with_closed_but_is_never_lost()
    {
        int sent = 0, closed = 0;
        for (int i = 0; i < 300; i++)
        {
            EchoListener listener = new();
            ManualTimeProvider time = new();
            RecordingReceiver receiver = new();
            IPacketRequestSender sender = await new PacketListenerProxy(listener, new() { TimeProvider = time }).NewSessionAsync(receiver);
            time.Advance(TimeSpan.FromSeconds(29));
            using Barrier barrier = new(2);
            int lead = i % 2 == 0 ? 0 : i * 300;
            int lag = i % 2 == 0 ? i * 20 : 0;
            Task expiry = Task.Run(() =>
            {
                barrier.SignalAndWait();
                Thread.SpinWait(lead);
                time.Advance(TimeSpan.FromSeconds(1));
            });
            barrier.SignalAndWait();
            Thread.SpinWait(lag);
            bool wasSent = true;
            try
            {
                await sender.WriteToAsync(new byte[] { 1 }, s_remote);
            }
            catch (NetworkException exception) when (exception.Error == NetworkError.Closed)
            {
                wasSent = false;
            }

            await expiry;
            if (wasSent)
            {
                // A session that took the packet is there for its answer.
                await receiver.NextAsync().WaitAsync(s_limit);
                Assert.That(listener.Connections.Single().Disposals, Is.Zero);
                sent++;
            }
            else
            {
                await receiver.Disposed.WaitAsync(s_limit);
                Assert.That(listener.Connections.Single().Sent, Is.Empty);
                closed++;
            }

            await sender.DisposeAsync();
            Assert.That(time.ActiveTimers, Is.Zero);
        }

        TestContext.Out.WriteLine($"{sent} sent, {closed} closed");
    }

    [Test]
    public async Task A_send_that_read_the_clock_before_the_expiry_and_goes_on_after_it_fails_with_closed()
    {
        HookedTimeProvider clock = new(_time);
        RecordingReceiver receiver = new();
        IPacketRequestSender sender = await Create(new() { TimeProvider = clock }).NewSessionAsync(receiver);
        _time.Advance(TimeSpan.FromSeconds(29));
        clock.OnNextReading = () => _time.Advance(TimeSpan.FromSeconds(1));
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await sender.WriteToAsync(new byte[1], s_remote));
        Assert.That((exception.Error, _listener.Connections.Single().Sent.Count), Is.EqualTo((NetworkError.Closed, 0)));
        await receiver.Disposed.WaitAsync(s_limit);
    }

    [Test]
    public async Task A_send_in_the_middle_of_the_expiry_is_sent_and_the_session_lives_on()
    {
        HookedTimeProvider clock = new(_time);
        RecordingReceiver receiver = new();
        IPacketRequestSender sender = await Create(new() { TimeProvider = clock }).NewSessionAsync(receiver);
        _time.Advance(TimeSpan.FromSeconds(29));
        // The expiry marked the session and is about to look at the time of its last send.
        clock.OnNextReading = () => sender.WriteToAsync(new byte[1], s_remote).AsTask().GetAwaiter().GetResult();
        ((IIdleSession)sender).Expire();
        Assert.That((_listener.Connections.Single().Sent.Count, receiver.DisposeCount), Is.EqualTo((1, 0)));
        await receiver.NextAsync();
        await sender.WriteToAsync(new byte[1], s_remote);
        await receiver.NextAsync();
        await sender.DisposeAsync();
        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    [TestCase("192.0.2.7", "192.0.2.7", "192.0.2.7")]
    [TestCase("192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7")]
    [TestCase("::ffff:192.0.2.7", "192.0.2.7", "::ffff:192.0.2.7")]
    [TestCase("::ffff:192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.7")]
    [TestCase("2001:db8::7", "2001:db8::7", "2001:db8::7")]
    [TestCase("2001:db8::7", "::ffff:192.0.2.7", "192.0.2.7")]
    public async Task An_IPv4_source_has_the_spelling_that_the_application_uses(string written, string received, string delivered)
    {
        RecordingReceiver receiver = new();
        await using IPacketRequestSender sender = await Create().NewSessionAsync(receiver);
        _listener.Hold().SetResult();
        await sender.WriteToAsync(new byte[1], new IPEndPoint(IPAddress.Parse(written), 9));
        await receiver.NextAsync();
        for (int i = 0; i < 100; i++)
        {
            _listener.Connections.Single().Receives([2], new IPEndPoint(IPAddress.Parse(received), 1000 + i));
            Assert.That((await receiver.NextAsync()).Source, Is.EqualTo(new IPEndPoint(IPAddress.Parse(delivered), 1000 + i)));
        }
    }

    [Test]
    public async Task An_unreachable_destination_is_matched_and_reported_in_the_spelling_of_the_application()
    {
        IPEndPoint mapped = new(s_remote.Address.MapToIPv6(), s_remote.Port);
        FakePacketConnection connection = new();
        PacketListenerProxy proxy = new(Mock.Of<IPacketListener>(listener => listener.ListenPacketAsync(It.IsAny<CancellationToken>()) == new ValueTask<IPacketConnection>(connection)));
        await using IPacketRequestSender sender = await proxy.NewSessionAsync(new RecordingReceiver());
        await sender.WriteToAsync(new byte[1], mapped);
        connection.FailsToReceive(new NetworkException(NetworkError.PortUnreachable) { Destination = s_remote });
        await Eventually.IsAsync(() => proxy.GetStatistics().UnreachableReports == 1, "the report came");
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await sender.WriteToAsync(new byte[1], mapped));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.PortUnreachable));
    }

    [TestCase(1)]
    [TestCase(1472)]
    [TestCase(2047)]
    [TestCase(2048)]
    [TestCase(2049)]
    [TestCase(9000)]
    [TestCase(65_507)]
    public async Task A_datagram_of_any_size_passes_whole_through_any_listener(int size)
    {
        RecordingReceiver receiver = new();
        PacketListenerProxy proxy = Create();
        await using IPacketRequestSender sender = await proxy.NewSessionAsync(receiver);
        byte[] payload = StreamTransfer.Bytes(size, size);
        await sender.WriteToAsync(payload, s_remote);
        Assert.That(_listener.Connections.Single().Sent.Single().Payload.AsSpan().SequenceEqual(payload), Is.True);
        Assert.That((await receiver.NextAsync()).Payload.AsSpan().SequenceEqual(EchoListener.Answer(payload)), Is.True);
    }

    [Test]
    public async Task A_cut_datagram_or_one_of_an_impossible_length_is_dropped_and_counted()
    {
        Mock<IPacketConnection> connection = new();
        connection.SetupSequence(target => target.ReceiveFromAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>()))
            .Returns(new ValueTask<ReceivedDatagram>(new ReceivedDatagram(2048, s_remote, Truncated: true)))
            .Returns(new ValueTask<ReceivedDatagram>(new ReceivedDatagram(1_000_000, s_remote, Truncated: false)))
            .Returns(new ValueTask<ReceivedDatagram>(new ReceivedDatagram(-1, s_remote, Truncated: false)))
            .Returns(new ValueTask<ReceivedDatagram>(new ReceivedDatagram(3, s_remote, Truncated: false)))
            .Throws(new NetworkException(NetworkError.Closed));
        PacketListenerProxy proxy = new(Mock.Of<IPacketListener>(listener => listener.ListenPacketAsync(It.IsAny<CancellationToken>()) == new ValueTask<IPacketConnection>(connection.Object)));
        RecordingReceiver receiver = new();
        await proxy.NewSessionAsync(receiver);
        Assert.That((await receiver.NextAsync()).Payload, Has.Length.EqualTo(3));
        await receiver.Disposed.WaitAsync(s_limit);
        Assert.That(proxy.GetStatistics(), Has.Property("DroppedTruncated").EqualTo(3).And.Property("DroppedByReceiver").EqualTo(0));
    }

    [Test]
    public async Task A_listener_that_returns_no_socket_is_an_error()
    {
        RecordingReceiver receiver = new();
        PacketListenerProxy proxy = new(Mock.Of<IPacketListener>());
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await proxy.NewSessionAsync(receiver));
        Assert.That((receiver.DisposeCount, proxy.GetStatistics().ActiveSessions), Is.EqualTo((0, 0L)));
    }

    [Test]
    public async Task A_transport_that_says_closed_to_a_send_ends_the_session_although_its_receive_hangs()
    {
        FakePacketConnection connection = new() { SendError = new NetworkException(NetworkError.Closed) };
        PacketListenerProxy proxy = new(Mock.Of<IPacketListener>(listener => listener.ListenPacketAsync(It.IsAny<CancellationToken>()) == new ValueTask<IPacketConnection>(connection)));
        RecordingReceiver receiver = new();
        IPacketRequestSender sender = await proxy.NewSessionAsync(receiver);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await sender.WriteToAsync(new byte[1], s_remote));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
        await receiver.Disposed.WaitAsync(s_limit);
        Assert.That((connection.DisposeCount, proxy.GetStatistics().ActiveSessions), Is.EqualTo((1, 0L)));
    }

    [Test]
    public async Task An_empty_datagram_is_counted_and_does_not_keep_a_session_open()
    {
        RecordingReceiver receiver = new();
        PacketListenerProxy proxy = Create(new() { TimeProvider = _time });
        IPacketRequestSender sender = await proxy.NewSessionAsync(receiver);
        _time.Advance(TimeSpan.FromSeconds(20));
        await sender.WriteToAsync(ReadOnlyMemory<byte>.Empty, s_remote);
        Assert.That((_listener.Connections.Single().Sent.Count, proxy.GetStatistics().EmptyIgnored), Is.EqualTo((0, 1L)));
        _time.Advance(TimeSpan.FromSeconds(11));
        await receiver.Disposed.WaitAsync(s_limit);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_transport_that_reports_unreachable_destinations_without_end_is_asked_less_and_less(bool told)
    {
        Mock<IPacketConnection> connection = new();
        connection.Setup(target => target.ReceiveFromAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>()))
            .Throws(() => new NetworkException(NetworkError.PortUnreachable) { Destination = s_remote });
        PacketListenerProxy proxy = new(
            Mock.Of<IPacketListener>(listener => listener.ListenPacketAsync(It.IsAny<CancellationToken>()) == new ValueTask<IPacketConnection>(connection.Object)),
            new() { TimeProvider = _time });
        IPacketRequestSender sender = await proxy.NewSessionAsync(told ? Mock.Of<IPacketErrorReceiver>() : new RecordingReceiver());

        // One timer is the sweeper's.
        await Eventually.IsAsync(() => _time.ActiveTimers == 2, "the loop pauses");
        Assert.That(proxy.GetStatistics().UnreachableReports, Is.EqualTo(17));
        _time.Advance(TimeSpan.FromMilliseconds(2));
        await Eventually.IsAsync(() => _time.ActiveTimers == 2, "the loop pauses again");
        await Eventually.IsAsync(() => proxy.GetStatistics().UnreachableReports == 18, "after one more");
        await sender.DisposeAsync();
        await Eventually.IsAsync(() => _time.ActiveTimers == 0, "disposal ends the pause");
        Assert.That(proxy.GetStatistics().UnreachableReports, Is.EqualTo(18));
        connection.Verify(target => target.DisposeAsync(), Times.Once);
    }

    [Test]
    public async Task As_many_reports_as_datagrams_were_sent_do_not_delay_what_comes_behind_them()
    {
        FakePacketConnection connection = new();
        PacketListenerProxy proxy = new(
            Mock.Of<IPacketListener>(listener => listener.ListenPacketAsync(It.IsAny<CancellationToken>()) == new ValueTask<IPacketConnection>(connection)),
            new() { TimeProvider = _time });
        RecordingReceiver receiver = new();
        await using IPacketRequestSender sender = await proxy.NewSessionAsync(receiver);
        for (int i = 0; i < 200; i++)
        {
            await sender.WriteToAsync(new byte[1], s_resolver);
        }

        for (int i = 0; i < 200; i++)
        {
            connection.FailsToReceive(new NetworkException(NetworkError.PortUnreachable) { Destination = s_resolver });
        }

        connection.Receives([7], s_remote);
        Assert.That((await receiver.NextAsync()).Payload, Is.EqualTo(new byte[] { 7 }));
        Assert.That((proxy.GetStatistics().UnreachableReports, _time.Elapsed), Is.EqualTo((200L, TimeSpan.Zero)));
    }

    private PacketListenerProxy Create(PacketListenerProxyOptions? options = null) => new(_listener, options);
}
