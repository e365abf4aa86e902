using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Sessions;

/// <summary>The packet proxies of the library behind a device: what the application sees of them on the wire.</summary>
[TestFixture]
internal sealed class PacketProxyTests
{
    private static readonly IPEndPoint App4 = IPEndPoint.Parse("10.9.0.2:5000");
    private static readonly IPEndPoint App6 = IPEndPoint.Parse("[fd09::2]:5000");
    private static readonly IPEndPoint Resolver4 = IPEndPoint.Parse("8.8.8.8:53");
    private static readonly IPEndPoint Resolver6 = IPEndPoint.Parse("[2001:4860:4860::8888]:53");
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    // dig example.com A: ID 1234, RD and AD, one question, OPT with 1232 bytes and a cookie.
    private static readonly byte[] Query = Convert.FromHexString(
        "123401200001000000000001" + "076578616D706C6503636F6D0000010001" + "00002904D000000000000C000A00080102030405060708");

    private ManualTimeProvider _time = null!;
    private FakeDialer _dialer = null!;
    private LwipDevice? _device;
    private PacketLink _link = null!;

    [TearDown]
    public async Task TearDownDevice()
    {
        if (_device is null)
            return;
        await _device.DisposeAsync().AsTask().WaitAsync(Limit);
        await _link.Completion.WaitAsync(Limit);
    }

    [TestCase(4)]
    [TestCase(6)]
    public async Task A_query_gets_its_truncated_answer_and_the_resolver_goes_on_over_tcp(int family)
    {
        (IPEndPoint app, IPEndPoint resolver) = family == 4 ? (App4, Resolver4) : (App6, Resolver6);
        DnsTruncatePacketProxy proxy = new();
        Start(proxy);
        _link.Send(PacketBuilder.UdpDatagram(app, resolver, Query));
        ParsedPacket answer = await _link.NextAsync();
        byte[] expected = [.. Query];
        expected[2] |= 0x82;
        (expected[6], expected[7]) = (expected[4], expected[5]);
        Assert.That((answer.Source, answer.Destination), Is.EqualTo((resolver, app)));
        Assert.That(answer.Payload.ToArray(), Is.EqualTo(expected));

        TcpPeer peer = _link.CreatePeer(resolver);
        Assert.That(await peer.ConnectAsync(), Is.True, "connected");
        Assert.That((_dialer.Destinations.Single(), proxy.GetStatistics().QueriesAnswered), Is.EqualTo((resolver, 1L)));
    }

    [TestCase(4, 443, 3, 3)]
    [TestCase(6, 853, 1, 4)]
    public async Task Another_port_is_told_as_port_unreachable_and_the_session_goes_on(int family, int port, int type, int code)
    {
        (IPEndPoint app, IPEndPoint resolver) = family == 4 ? (App4, Resolver4) : (App6, Resolver6);
        Start(new DnsTruncatePacketProxy());
        IPEndPoint refused = new(resolver.Address, port);
        _link.Send(PacketBuilder.UdpDatagram(app, refused, Query));
        ParsedPacket error = await _link.NextAsync();
        Assert.That((error.IcmpType, error.IcmpCode), Is.EqualTo(((byte)type, (byte)code)));
        Assert.That(error.Payload.Slice(family == 4 ? 20 : 40, 4).ToArray(), Is.EqualTo(new byte[] { 0x13, 0x88, (byte)(port >> 8), (byte)port }), "the quoted ports");
        _link.Send(PacketBuilder.UdpDatagram(app, resolver, Query));
        Assert.That((await _link.NextAsync()).Source, Is.EqualTo(resolver));
    }

    [Test]
    public async Task What_is_no_query_is_counted_and_answered_with_nothing()
    {
        DnsTruncatePacketProxy proxy = new();
        Start(proxy);
        _link.Send(PacketBuilder.UdpDatagram(App4, Resolver4, new byte[11]));
        _link.Send(PacketBuilder.UdpDatagram(App4, Resolver4, []));
        _link.Send(PacketBuilder.UdpDatagram(App4, Resolver4, Query));
        Assert.That((await _link.NextAsync()).Payload.Length, Is.EqualTo(Query.Length));
        Assert.That(proxy.GetStatistics(), Has.Property("MalformedQueries").EqualTo(1).And.Property("EmptyIgnored").EqualTo(1).And.Property("QueriesAnswered").EqualTo(1));
        Assert.That(_device!.GetStatistics().DatagramsFailed, Is.EqualTo(1));
    }

    [Test]
    public async Task Ten_thousand_ports_that_asked_once_are_forgotten()
    {
        DnsTruncatePacketProxy proxy = Start(time => new DnsTruncatePacketProxy(new() { TimeProvider = time, IdleTimeout = TimeSpan.FromSeconds(5) }));
        for (int i = 0; i < 10_000; i++)
        {
            _link.Send(PacketBuilder.UdpDatagram(new IPEndPoint(App4.Address, 10_000 + i), Resolver4, Query));
            if (i % 100 == 99)
                await Eventually.HoldsAsync(() => proxy.GetStatistics().QueriesAnswered == i + 1, "the answers");
        }

        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(100));
                return proxy.GetStatistics().ActiveSessions == 0 && _device!.GetStatistics().Sessions == 0 && _time.ActiveTimers == 0;
            },
            "no session and no timer is left");
        Assert.That((proxy.GetStatistics().SessionsOpened, _time.Elapsed < TimeSpan.FromSeconds(60)), Is.EqualTo((10_000L, true)));
    }

    [TestCase(4)]
    [TestCase(6)]
    public async Task An_intercepted_query_goes_to_the_remote_resolver_and_seems_answered_by_the_local_one(int family)
    {
        (IPEndPoint app, IPEndPoint local) = family == 4 ? (App4, IPEndPoint.Parse("10.9.0.1:53")) : (App6, IPEndPoint.Parse("[fd09::1]:53"));
        FakePacketProxy dns = new() { OnDatagram = static (session, payload, destination) => session.Receiver.WriteFromAsync(Answer(payload), destination) };
        FakePacketProxy others = new();
        Start(new DnsInterceptPacketProxy(dns, others, local, Resolver4));
        _link.Send(PacketBuilder.UdpDatagram(app, local, Query));
        ParsedPacket answer = await _link.NextAsync();
        Assert.That((answer.Source, answer.Destination), Is.EqualTo((local, app)));
        Assert.That(answer.Payload.ToArray(), Is.EqualTo(Answer(Query)));
        Assert.That(dns.Sessions.Single().Received.Single().Destination, Is.EqualTo(Resolver4));

        IPEndPoint other = new(local.Address, 5353);
        _link.Send(PacketBuilder.UdpDatagram(app, other, "data"u8));
        Assert.That((await _link.NextAsync()).Source, Is.EqualTo(other));
        Assert.That((dns.Calls, others.Calls), Is.EqualTo((1, 1)));
        await Eventually.HoldsAsync(() => dns.Sessions.Single().Disposals == 1, "the query's session is disposed");
    }

    [Test]
    public async Task A_refusal_of_the_remote_resolver_is_told_as_one_of_the_local_resolver()
    {
        IPEndPoint local = IPEndPoint.Parse("10.9.0.1:53");
        FakePacketProxy dns = new()
        {
            OnDatagram = static (session, _, destination) => ((IPacketErrorReceiver)session.Receiver).ReportUnreachableAsync(NetworkError.PortUnreachable, destination),
        };
        Start(new DnsInterceptPacketProxy(dns, new FakePacketProxy(), local, Resolver4));
        _link.Send(PacketBuilder.UdpDatagram(App4, local, Query));
        ParsedPacket error = await _link.NextAsync();
        Assert.That((error.IcmpType, error.IcmpCode), Is.EqualTo(((byte)3, (byte)3)));
        Assert.That(error.Payload.Slice(16, 4).ToArray(), Is.EqualTo(local.Address.GetAddressBytes()), "the quoted destination");
    }

    [Test]
    public async Task Sessions_that_live_stay_with_their_proxy_when_it_is_swapped_and_new_ones_get_the_other()
    {
        DelegatePacketProxy proxy = new(new DnsTruncatePacketProxy());
        Start(proxy);
        _link.Send(PacketBuilder.UdpDatagram(App4, Resolver4, Query));
        Assert.That((await _link.NextAsync()).Payload.Span[2] & 0x82, Is.EqualTo(0x82));
        FakePacketProxy other = new();
        proxy.SetProxy(other);
        _link.Send(PacketBuilder.UdpDatagram(App4, Resolver4, Query));
        Assert.That((await _link.NextAsync()).Payload.Span[2] & 0x82, Is.EqualTo(0x82));
        _link.Send(PacketBuilder.UdpDatagram(new IPEndPoint(App4.Address, 5001), Resolver4, Query));
        Assert.That((await _link.NextAsync()).Payload.ToArray(), Is.EqualTo(Query));
        Assert.That(other.Calls, Is.EqualTo(1));
    }

    [Test]
    [Weakness(29)]
    public async Task A_datagram_that_meets_the_expiry_of_its_proxys_session_goes_to_a_new_one()
    {
        FakePacketProxy inner = new();
        IdleTimeoutPacketProxy proxy = Start(time => new IdleTimeoutPacketProxy(inner, new() { IdleTimeout = TimeSpan.FromSeconds(1), TimeProvider = time }));
        for (int i = 1; i <= 5; i++)
        {
            _link.Send(PacketBuilder.UdpDatagram(App4, Resolver4, [(byte)i]));
            Assert.That((await _link.NextAsync()).Payload.Span[0], Is.EqualTo(i));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        await Eventually.HoldsAsync(() => proxy.GetStatistics().ActiveSessions == 0, "the last one expired, too");
        Assert.That((inner.Calls, inner.Sessions.All(session => session.Disposals == 1)), Is.EqualTo((5, true)));
    }

    private static byte[] Answer(ReadOnlyMemory<byte> query)
    {
        byte[] answer = query.ToArray();
        answer[2] |= 0x80;
        return answer;
    }

    private void Start(IPacketProxy proxy) => Start(_ => proxy);

    private T Start<T>(Func<TimeProvider, T> create)
        where T : IPacketProxy
    {
        NativeLibraryRequirement.Check();
        _time = new ManualTimeProvider();
        _dialer = new FakeDialer();
        T proxy = create(_time);
        _device = new LwipDevice(_dialer, proxy, new LwipDeviceOptions { TimeProvider = _time });
        _link = new PacketLink(_device);
        return proxy;
    }
}
