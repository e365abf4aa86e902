using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Sessions;

/// <summary>How long UDP sessions live: by the options, or as the policy says for a remote.</summary>
[TestFixture]
[AcceptanceRow(27)]
[Weakness(29)]
internal sealed class IdleTests : DeviceFixture
{
    private static readonly IPEndPoint s_app = IPEndPoint.Parse("10.9.0.2:5000");
    private static readonly IPEndPoint s_resolver = IPEndPoint.Parse("9.9.9.9:53");

    /// <summary>The timers of .NET count milliseconds.</summary>
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(1);

    private FlowPolicy? _policy;

    protected override LwipDeviceOptions Options => new()
    {
        Policy = (flow, token) => _policy?.Invoke(flow, token) ?? new ValueTask<FlowDecision>(FlowDecision.Accept),
    };

    [SetUp]
    public void NoPolicy() => _policy = null;

    [TestCase(0)]
    [TestCase(25)]
    public async Task A_name_servers_session_ends_ten_seconds_after_its_answer(int delay)
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Proxy.OnDatagram = async (session, payload, destination) =>
        {
            byte[] copy = payload.ToArray();
            await gate.Task;
            await session.Receiver.WriteFromAsync(copy, destination);
        };
        Link.Send(PacketBuilder.UdpDatagram(s_app, s_resolver, "query"u8));
        await Eventually.HoldsAsync(() => Proxy.Sessions.Count == 1, "the query");
        Time.Advance(TimeSpan.FromSeconds(delay));
        gate.SetResult();
        await Link.NextAsync();
        await EndsAfterAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task A_query_without_an_answer_keeps_its_session_as_long_as_others()
    {
        Proxy.OnDatagram = static (_, _, _) => ValueTask.CompletedTask;
        Link.Send(PacketBuilder.UdpDatagram(s_app, s_resolver, "query"u8));
        await Eventually.HoldsAsync(() => Statistics.DatagramsUp == 1, "the query");
        await EndsAfterAsync(TimeSpan.FromSeconds(60));
    }

    [Test]
    public async Task Another_session_ends_sixty_seconds_after_its_last_datagram_either_way()
    {
        Link.Send(PacketBuilder.UdpDatagram(s_app, Server4, "data"u8));
        await Link.NextAsync();
        Time.Advance(TimeSpan.FromSeconds(50));
        await Proxy.Sessions.Single().Receiver.WriteFromAsync("late"u8.ToArray(), Server4);
        await Link.NextAsync();
        await EndsAfterAsync(TimeSpan.FromSeconds(60));
    }

    [Test]
    public async Task Both_times_are_options()
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions
        {
            TimeProvider = Time, UdpIdleTimeout = TimeSpan.FromSeconds(300), DnsIdleTimeout = TimeSpan.FromSeconds(3),
        });
        PacketLink link = new(device);
        link.Send(PacketBuilder.UdpDatagram(s_app, s_resolver, "query"u8));
        await link.NextAsync();
        link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5001"), Server4, "data"u8));
        await link.NextAsync();
        Time.Advance(TimeSpan.FromSeconds(3) + s_tick);
        await Eventually.HoldsAsync(() => device.GetStatistics().Sessions == 1, "the end of the query's session");
        Time.Advance(TimeSpan.FromSeconds(297) - (2 * s_tick));
        Assert.That(device.GetStatistics().Sessions, Is.EqualTo(1));
        Time.Advance(2 * s_tick);
        await Eventually.HoldsAsync(() => device.GetStatistics().Sessions == 0, "the end of the other one");
    }

    [TestCase(53, 2)]
    [TestCase(443, 2)]
    [TestCase(53, 600)]
    [TestCase(443, 600)]
    public async Task The_policy_may_give_a_session_a_time_of_its_own(int port, int seconds)
    {
        _policy = (_, _) => new ValueTask<FlowDecision>(FlowDecision.Accept with { IdleTimeout = TimeSpan.FromSeconds(seconds) });
        Link.Send(PacketBuilder.UdpDatagram(s_app, new IPEndPoint(Server4.Address, port), "x"u8));
        await Link.NextAsync();
        await EndsAfterAsync(TimeSpan.FromSeconds(seconds));
    }

    [Test]
    public async Task The_longest_time_of_a_sessions_remotes_holds()
    {
        _policy = static (flow, _) => new ValueTask<FlowDecision>(FlowDecision.Accept with { IdleTimeout = TimeSpan.FromSeconds(flow.Destination.Port) });
        foreach (int port in new[] { 20, 200, 70 })
        {
            Link.Send(PacketBuilder.UdpDatagram(s_app, new IPEndPoint(Server4.Address, port), "x"u8));
            await Link.NextAsync();
        }

        await EndsAfterAsync(TimeSpan.FromSeconds(200));
    }

    [Test]
    public void A_policys_time_is_checked()
    {
        Assert.That(() => FlowDecision.Accept with { IdleTimeout = TimeSpan.Zero }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => FlowDecision.Accept with { IdleTimeout = TimeSpan.FromDays(2) }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => FlowDecision.Accept with { IdleTimeout = null }, Throws.Nothing);
    }

    /// <summary>Not one tick of the clock earlier, nor later.</summary>
    private async Task EndsAfterAsync(TimeSpan time)
    {
        Time.Advance(time - s_tick);
        Assert.That(Statistics.Sessions, Is.EqualTo(1), "too early");
        Time.Advance(s_tick + s_tick);
        await Eventually.HoldsAsync(() => Statistics.Sessions == 0, "the end");
        await Eventually.HoldsAsync(() => Proxy.Sessions.All(static session => session.Disposals == 1), "the end of the proxy's side");
    }
}
