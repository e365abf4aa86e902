using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Sessions;

[TestFixture]
internal sealed class SessionTests : DeviceFixture
{
    private static readonly IPEndPoint App4 = IPEndPoint.Parse("10.9.0.2:5000");
    private static readonly IPEndPoint App6 = IPEndPoint.Parse("[fd09::2]:5000");

    // Large datagrams arrive whole through a device with the largest MTU; over a small one they come in fragments.
    protected override LwipDeviceOptions Options => new() { Mtu = 65_535 };

    [TestCase(4, 0)]
    [TestCase(4, 1)]
    [TestCase(4, 1472)]
    [TestCase(4, 9000)]
    [TestCase(4, 65_507)]
    [TestCase(6, 1)]
    [TestCase(6, 1452)]
    [TestCase(6, 65_487)]
    [Weakness(2)]
    public async Task Datagrams_are_echoed_whole(int family, int length)
    {
        byte[] payload = new byte[length];
        new Random(length).NextBytes(payload);
        (IPEndPoint app, IPEndPoint server) = family == 4 ? (App4, Server4) : (App6, Server6);
        Link.Send(PacketBuilder.UdpDatagram(app, server, payload));
        ParsedPacket answer = await Link.NextAsync();
        Assert.That((answer.Source, answer.Destination), Is.EqualTo((server, app)));
        Assert.That(answer.Payload.Span.SequenceEqual(payload), Is.True);
        // Counted when the proxy has taken it, which may be after its answer.
        await Eventually.HoldsAsync(() => Statistics.DatagramsUp == 1, "the count");
    }

    [Test]
    [Weakness(7)]
    public async Task One_source_port_is_one_session_whatever_it_talks_to()
    {
        Proxy.OnDatagram = static (_, _, _) => ValueTask.CompletedTask;
        for (int i = 1; i <= 40; i++)
            Link.Send(PacketBuilder.UdpDatagram(App4, new IPEndPoint(IPAddress.Parse($"1.1.1.{i}"), 1000 + i), [(byte)i]));
        await Eventually.HoldsAsync(() => Proxy.Sessions.TryPeek(out FakeSession? s) && s.Received.Count == 40, "all datagrams");
        Assert.That(Proxy.Calls, Is.EqualTo(1));
        Assert.That(
            Proxy.Sessions.Single().Received.Select(r => (r.Payload[0], r.Destination.ToString())),
            Is.EqualTo(Enumerable.Range(1, 40).Select(i => ((byte)i, $"1.1.1.{i}:{1000 + i}"))));
    }

    [Test]
    public async Task A_slow_proxy_delays_nobody_and_gets_the_early_datagrams_in_order()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Proxy.OnDatagram = static (_, _, _) => ValueTask.CompletedTask;
        Proxy.OnOpen = async (_, _) => await gate.Task;
        long start = Environment.TickCount64;
        for (int i = 0; i < 64; i++)
            Link.Send(PacketBuilder.UdpDatagram(App4, Server4, [(byte)i]));
        await ConnectAsync();
        Assert.That(Environment.TickCount64 - start, Is.LessThan(1000));
        gate.SetResult();
        await Eventually.HoldsAsync(() => Proxy.Sessions.TryPeek(out FakeSession? s) && s.Received.Count == 64, "all datagrams");
        Assert.That(Proxy.Sessions.Single().Received.Select(r => (int)r.Payload[0]), Is.EqualTo(Enumerable.Range(0, 64)));
        Assert.That(Proxy.Calls, Is.EqualTo(1));
    }

    [Test]
    public async Task The_queue_of_a_session_is_bounded()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Proxy.OnOpen = async (_, _) => await gate.Task;
        await Task.Run(() =>
        {
            for (int i = 0; i < 5000; i++)
                Link.Send(PacketBuilder.UdpDatagram(App4, Server4, [1]));
        });
        Assert.That(Statistics.Drops[PacketDropReason.SessionQueue], Is.InRange(4000, 5000));
        gate.SetResult();
    }

    [TestCase(4, 3, 3)]
    [TestCase(6, 1, 4)]
    [Weakness(21), Weakness(18)]
    public async Task A_refused_datagram_becomes_port_unreachable_and_the_session_goes_on(int family, int type, int code)
    {
        (IPEndPoint app, IPEndPoint server) = family == 4 ? (App4, Server4) : (App6, Server6);
        int count = 0;
        Proxy.OnDatagram = async (session, payload, destination) =>
        {
            if (Interlocked.Increment(ref count) == 1)
                throw new NetworkException(NetworkError.PortUnreachable);
            await session.Receiver.WriteFromAsync(payload, destination);
        };
        Link.Send(PacketBuilder.UdpDatagram(app, server, "first"u8));
        ParsedPacket error = await Link.NextAsync();
        Assert.That((error.IcmpType, error.IcmpCode), Is.EqualTo(((byte)type, (byte)code)));
        Link.Send(PacketBuilder.UdpDatagram(app, server, "second"u8));
        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo("second"u8.ToArray()));
        Assert.That((Proxy.Calls, Statistics.DatagramsFailed), Is.EqualTo((1, 1L)));
    }

    [Test]
    [Weakness(18)]
    public async Task A_datagram_that_the_proxy_fails_on_is_counted_and_the_session_goes_on()
    {
        int count = 0;
        Proxy.OnDatagram = async (session, payload, destination) =>
        {
            if (Interlocked.Increment(ref count) == 1)
                throw new InvalidDataException("undecryptable");
            await session.Receiver.WriteFromAsync(payload, destination);
        };
        Link.Send(PacketBuilder.UdpDatagram(App4, Server4, "first"u8));
        Link.Send(PacketBuilder.UdpDatagram(App4, Server4, "second"u8));
        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo("second"u8.ToArray()));
        Assert.That(Statistics, Has.Property(nameof(LwipStatistics.DatagramsFailed)).EqualTo(1));
    }

    [Test]
    [Weakness(21)]
    public async Task A_session_that_cannot_be_opened_is_refused()
    {
        Proxy.OnOpen = (_, _) => throw new NetworkException(NetworkError.AccessDenied);
        Link.Send(PacketBuilder.UdpDatagram(App4, Server4, "x"u8));
        ParsedPacket error = await Link.NextAsync();
        Assert.That((error.IcmpType, error.IcmpCode), Is.EqualTo(((byte)3, (byte)13)));
        await Eventually.HoldsAsync(() => Statistics is { Sessions: 0, SessionsFailed: 1 }, "the session is gone");
    }

    [Test]
    public async Task The_proxy_ends_a_session_by_disposing_the_receiver()
    {
        Link.Send(PacketBuilder.UdpDatagram(App4, Server4, "x"u8));
        await Link.NextAsync();
        FakeSession first = Proxy.Sessions.Single();
        await first.Receiver.DisposeAsync();
        await Eventually.HoldsAsync(() => Statistics.Sessions == 0 && first.Disposals == 1, "both sides closed");
        Assert.That(async () => await first.Receiver.WriteFromAsync("y"u8.ToArray(), Server4), Throws.TypeOf<ObjectDisposedException>());

        Link.Send(PacketBuilder.UdpDatagram(App4, Server4, "z"u8));
        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo("z"u8.ToArray()));
        Assert.That(Proxy.Calls, Is.EqualTo(2));
    }

    [Test]
    [Weakness(29)]
    public async Task A_datagram_that_meets_the_end_of_a_proxy_session_goes_to_a_new_one()
    {
        int count = 0;
        Proxy.OnDatagram = async (session, payload, destination) =>
        {
            if (Interlocked.Increment(ref count) == 2)
                throw new NetworkException(NetworkError.Closed);
            await session.Receiver.WriteFromAsync(payload, destination);
        };
        Link.Send(PacketBuilder.UdpDatagram(App4, Server4, "first"u8));
        await Link.NextAsync();
        Link.Send(PacketBuilder.UdpDatagram(App4, Server4, "second"u8));
        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo("second"u8.ToArray()));
        Assert.That(Proxy.Sessions.Select(s => s.Disposals), Is.EqualTo(new[] { 1, 0 }));
    }

    [Test]
    public async Task Idle_sessions_end_and_those_that_only_ask_name_servers_end_sooner()
    {
        IPEndPoint resolver = IPEndPoint.Parse("9.9.9.9:53");
        Link.Send(PacketBuilder.UdpDatagram(App4, resolver, "query"u8));
        Link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5001"), Server4, "data"u8));
        await Link.NextAsync();
        await Link.NextAsync();
        await AdvanceAsync(TimeSpan.FromSeconds(12), () => Statistics.Sessions == 1);
        Assert.That((Statistics.Sessions, Time.Elapsed.TotalSeconds), Is.EqualTo((1, 10.5)).Within(1.5));
        await AdvanceAsync(TimeSpan.FromSeconds(70), () => Statistics.Sessions == 0);
        Assert.That(Time.Elapsed.TotalSeconds, Is.InRange(58, 63));
        await Eventually.HoldsAsync(() => Proxy.Sessions.All(s => s.Disposals == 1), "disposal of both senders");
        Assert.That(Time.ActiveTimers, Is.Zero);
    }

    [Test]
    [Weakness(2)]
    public async Task Answers_that_cannot_be_carried_are_errors()
    {
        Link.Send(PacketBuilder.UdpDatagram(App4, Server4, "x"u8));
        await Link.NextAsync();
        var receiver = Proxy.Sessions.Single().Receiver;
        Assert.That(
            async () => await receiver.WriteFromAsync(new byte[65_508], Server4),
            Throws.TypeOf<NetworkException>().With.Property("Error").EqualTo(NetworkError.MessageTooLarge));
        Assert.That(
            async () => await receiver.WriteFromAsync("x"u8.ToArray(), Server6),
            Throws.TypeOf<NetworkException>().With.Property("Error").EqualTo(NetworkError.AddressNotAvailable));
        await receiver.WriteFromAsync("mapped"u8.ToArray(), new IPEndPoint(Server4.Address.MapToIPv6(), Server4.Port));
        Assert.That((await Link.NextAsync()).Source, Is.EqualTo(Server4));
    }

    [Test]
    public async Task Datagrams_cost_no_allocation_once_a_session_runs()
    {
        int count = 0;
        TaskCompletionSource? gate = null;
        Proxy.OnDatagram = (_, _, _) =>
        {
            Interlocked.Increment(ref count);
            return Volatile.Read(ref gate) is { } held ? new ValueTask(held.Task) : ValueTask.CompletedTask;
        };
        byte[] packet = PacketBuilder.UdpDatagram(App4, Server4, new byte[1200]);
        for (int i = 0; i < 200; i++)
            await Device.WriteAsync(packet);
        await Eventually.HoldsAsync(() => count == 200, "warm-up");
        FakeSession session = Proxy.Sessions.Single();
        session.Record = false;

        // In bursts that wait for the pump: to wake it costs a work item of the thread pool, and how often that happens depends on how fast it is.
        const int bursts = 50, burst = 400;
        long before = GC.GetTotalAllocatedBytes(precise: true);
        for (int expected = 200 + burst; expected <= 200 + (bursts * burst); expected += burst)
        {
            TaskCompletionSource held = new(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref gate, held);
            for (int i = 0; i < burst; i++)
                await Device.WriteAsync(packet);
            Volatile.Write(ref gate, null);
            held.SetResult();
            await Eventually.HoldsAsync(() => Volatile.Read(ref count) == expected, "the burst");
        }

        long perDatagram = (GC.GetTotalAllocatedBytes(precise: true) - before) / (bursts * burst);
#if DEBUG
        // The compiler makes the state machines of async methods objects here: three for each datagram.
        const long most = 400;
#else
        const long most = 16;
#endif
        Assert.That(perDatagram, Is.LessThan(most), "bytes allocated per datagram");
    }
}
