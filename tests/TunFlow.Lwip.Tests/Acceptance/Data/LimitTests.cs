using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>Connections that never become whole, or are no longer, by the virtual clock.</summary>
[TestFixture]
internal sealed class LimitTests : DeviceFixture
{
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(1);

    protected override LwipDeviceOptions Options => new() { KeepAliveInterval = TimeSpan.FromSeconds(30) };

    [Test]
    [Weakness(13)]
    public async Task A_handshake_that_is_never_completed_is_given_up_at_the_half_open_timeout()
    {
        IPEndPoint application = IPEndPoint.Parse("10.9.3.3:3333");
        Link.Send(PacketBuilder.TcpSegment(application, Server4, 1, 0, TcpFlags.Syn, 65_535));
        Assert.That((await Link.NextAsync()).Flags, Is.EqualTo(TcpFlags.Syn | TcpFlags.Ack));
        Assert.That(Statistics.FlowsHalfOpen, Is.EqualTo(1));

        Time.Advance(new LwipDeviceOptions().HalfOpenTimeout - s_tick);
        Assert.That(Statistics.FlowsHalfOpen, Is.EqualTo(1), "a tick before its time");
        Time.Advance(2 * s_tick);

        Assert.That(Statistics.FlowsHalfOpen, Is.Zero, "a tick after its time");
        await Eventually.HoldsAsync(() => Statistics.Flows == 0 && Dialer.Upstreams.Single().Disposals == 1, "the end of flow and upstream");
    }

    [Test]
    [Weakness(13)]
    public async Task Handshakes_that_are_never_completed_are_at_most_1024_and_the_oldest_makes_room()
    {
        // Sources that completed a handshake; others have fewer places to dial.
        for (int source = 1; source <= 6; source++)
            await Link.CreatePeer(Server4, new IPEndPoint(IPAddress.Parse($"10.9.1.{source}"), 20_000)).ConnectAsync();
        int most = 0;
        for (int source = 1; source <= 6; source++)
        {
            for (int port = 1; port <= 250; port++)
                Link.Send(PacketBuilder.TcpSegment(new IPEndPoint(IPAddress.Parse($"10.9.1.{source}"), 20_000 + port), Server4, 1, 0, TcpFlags.Syn, 65_535));
            await Eventually.HoldsAsync(() => Dialer.Calls == 6 + (source * 250) && Statistics.FlowsPending == 0, "the answers");
            most = Math.Max(most, Statistics.FlowsHalfOpen);
        }

        Assert.That((most, Statistics.FlowsHalfOpen), Is.EqualTo((1024, 1024)));
        TcpPeer honest = Link.CreatePeer(Server4, IPEndPoint.Parse("10.9.1.1:30000"));
        Assert.That(await honest.ConnectAsync(), Is.True, "a connection beside them");
    }

    [Test]
    [Weakness(13)]
    public async Task An_application_that_vanished_is_probed_and_its_flow_reset_and_one_that_answers_lives()
    {
        (TcpPeer living, FakeUpstream kept) = await ConnectAsync();
        (TcpPeer gone, FakeUpstream lost) = await ConnectAsync();
        gone.Forget();

        for (int probe = 1; probe <= 4; probe++)
        {
            long answers = Statistics.PacketsIn;
            Time.Advance(Options.KeepAliveInterval);
            await Eventually.HoldsAsync(() => Statistics.PacketsIn > answers, "the answer of the living one");
        }

        // The last probe has as long for its answer.
        Time.Advance(Options.KeepAliveInterval - s_tick);
        Assert.That(Statistics.FlowsReset, Is.Zero, "a tick before its time");
        Time.Advance(2 * s_tick);
        await Eventually.HoldsAsync(() => lost.Disposals == 1, "the end of the vanished one's upstream");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Statistics.FlowsReset, Is.EqualTo(1));
            Assert.That((kept.Disposals, living.WasReset), Is.EqualTo((0, false)));
        }
    }

    [Test]
    [Weakness(13)]
    public async Task A_flow_without_traffic_is_reset_at_the_idle_limit_and_by_default_never()
    {
        await using LwipDevice limited = new(Dialer, Proxy, new LwipDeviceOptions { TimeProvider = Time, IdleTimeout = TimeSpan.FromMinutes(5), KeepAliveInterval = Timeout.InfiniteTimeSpan });
        await using LwipDevice free = new(Dialer, Proxy, new LwipDeviceOptions { TimeProvider = Time, KeepAliveInterval = Timeout.InfiniteTimeSpan });
        TcpPeer peer = new PacketLink(limited).CreatePeer(Server4), other = new PacketLink(free).CreatePeer(Server4);
        await peer.ConnectAsync();
        await other.ConnectAsync();
        await Eventually.HoldsAsync(() => limited.GetStatistics().FlowsOpened == 1 && free.GetStatistics().FlowsOpened == 1, "both open");

        Time.Advance(TimeSpan.FromMinutes(5) - s_tick);
        Assert.That(limited.GetStatistics().FlowsReset, Is.Zero, "a tick before its time");
        Time.Advance(2 * s_tick);
        await peer.WaitResetAsync();
        Time.Advance(TimeSpan.FromDays(30));
        Assert.That((other.WasReset, free.GetStatistics().Flows), Is.EqualTo((false, 1)));
    }
}
