using System.Diagnostics;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <summary>The machine sleeps and wakes, or its wall clock is set: bounded catching up, dead flows end, new ones work at once.</summary>
[TestFixture]
internal sealed class SuspendTests : DeviceFixture
{
    private const int Living = 40;
    private const int Dead = 40;
    private const int Ports = 20;

    // lwIP counts milliseconds in 32 bits: 49.7 days.
    private static readonly TimeSpan s_wrap = TimeSpan.FromMilliseconds(1L << 32);
    private static readonly TimeSpan s_keepAlive = TimeSpan.FromSeconds(30);

    private readonly List<(TcpPeer Peer, FakeUpstream Upstream)> _living = [];
    private readonly List<TcpPeer> _dead = [];

    protected override LwipDeviceOptions Options => new() { KeepAliveInterval = s_keepAlive };

    private static IEnumerable<TestCaseData> Sleeps()
    {
        yield return new TestCaseData(TimeSpan.Zero, TimeSpan.FromHours(1)).SetArgDisplayNames("an hour");
        yield return new TestCaseData(TimeSpan.Zero, TimeSpan.FromDays(30)).SetArgDisplayNames("30 days");
        yield return new TestCaseData(TimeSpan.Zero, s_wrap).SetArgDisplayNames("32 bits of milliseconds");
        yield return new TestCaseData(s_wrap - TimeSpan.FromMinutes(1), TimeSpan.FromHours(1)).SetArgDisplayNames("an hour across the wrap of 32 bits of milliseconds");
        yield return new TestCaseData(2 * s_wrap - TimeSpan.FromMinutes(1), TimeSpan.FromDays(30)).SetArgDisplayNames("30 days across its second wrap");
    }

    [TestCaseSource(nameof(Sleeps)), AcceptanceRow(36)]
    public async Task Waking_up_catches_up_in_bounds_ends_what_is_dead_and_serves_what_is_new(TimeSpan uptime, TimeSpan sleep)
    {
        Time.Jump(uptime);
        await OpenAllAsync();
        TimeSpan woke = await SleepAsync(sleep);

        // A new connection and a new datagram, without any time passing.
        await PassAsync(await ConnectAsync());
        await EchoAsync(7000);
        Assert.That(Time.Elapsed, Is.EqualTo(woke));

        // Within keep-alive (four probes, and the wait for the answer to the last) nothing of the dead is left, and the living have answered.
        await AdvanceBySecondsAsync(5 * s_keepAlive);
        await Eventually.HoldsAsync(() => Statistics.Flows == Living + 1, "the end of the dead");
        Assert.That(_living.Select(static flow => (flow.Peer.WasReset, flow.Upstream.Disposals)), Has.All.EqualTo((false, 0)));
        foreach ((TcpPeer Peer, FakeUpstream Upstream) flow in _living.Take(5))
            await PassAsync(flow);
        Assert.That((Statistics.FlowsReset, Statistics.Sessions), Is.EqualTo(((long)Dead, 0)));
    }

    [Test, AcceptanceRow(36)]
    public async Task Time_that_passes_across_the_wrap_of_32_bits_of_milliseconds_is_time_like_any_other()
    {
        Time.Jump(s_wrap - TimeSpan.FromSeconds(5));
        (TcpPeer Peer, FakeUpstream Upstream) flow = await ConnectAsync();
        await EchoAsync(5000);
        await EchoAsync(53_000, IPEndPoint.Parse("9.9.9.9:53"));
        // Unacknowledged across the wrap: repeated by a timer set before it.
        flow.Peer.AutoAcknowledge = false;
        flow.Peer.AllowRetransmissions = true;
        await flow.Upstream.Answers.WriteAsync(new byte[1000]);
        await flow.Peer.WaitAsync(() => flow.Peer.ReceivedBytes == 1000);

        await AdvanceAsync(TimeSpan.FromSeconds(15));

        Assert.That(Statistics.Retransmissions, Is.InRange(2, 8));
        Assert.That(Statistics.Sessions, Is.EqualTo(1), "10 seconds for a name server, 60 for others");
        flow.Peer.AutoAcknowledge = true;
        flow.Peer.SendAcknowledgment();
        await PassAsync(flow);
        await AdvanceAsync(TimeSpan.FromSeconds(46), () => Statistics.Sessions == 0);
        Assert.That((Statistics.Sessions, flow.Peer.WasReset), Is.EqualTo((0, false)));
    }

    [TestCase(-1)]
    [TestCase(1)]
    [TestCase(30 * 24)]
    [AcceptanceRow(36), Weakness(26)]
    public async Task A_step_of_the_wall_clock_is_no_time(int hours)
    {
        await OpenAllAsync();
        (long ticks, long packets, TimeSpan? next) = (Statistics.Ticks, Statistics.PacketsOut, Time.NextTimer);

        Time.StepWallClock(TimeSpan.FromHours(hours));
        Device.OnResume();

        Assert.That((Statistics.Ticks, Statistics.PacketsOut, Time.NextTimer), Is.EqualTo((ticks, packets, next)));
        Assert.That(Statistics.Flows, Is.EqualTo(Living + Dead));
        await PassAsync(_living[0]);
        await PassAsync(await ConnectAsync());
        // Sessions leave their upstream when the machine woke, and are opened anew.
        await EchoAsync(6000);
        Assert.That(Statistics.Sessions, Is.EqualTo(Ports));
    }

    [Test, AcceptanceRow(36)]
    public async Task AbortAll_after_a_sleep_leaves_nothing_of_before_and_the_device_works()
    {
        await OpenAllAsync();
        await SleepAsync(TimeSpan.FromHours(1));

        Device.AbortAll();

        await Eventually.HoldsAsync(() => Statistics is { Flows: 0, Sessions: 0 }, "the end of all");
        await Eventually.HoldsAsync(() => _living.All(static flow => flow is { Peer.WasReset: true, Upstream.Disposals: 1 }), "RSTs and disposals");
        await PassAsync(await ConnectAsync());
    }

    /// <summary>Living connections, some whose applications vanish, with and without bytes on the way, and sessions.</summary>
    private async Task OpenAllAsync()
    {
        _living.Clear();
        _dead.Clear();
        for (int i = 0; i < Living; i++)
            _living.Add(await ConnectAsync());
        for (int i = 0; i < Dead; i++)
        {
            (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
            _dead.Add(peer);
            peer.AutoAcknowledge = false;
            if (i % 2 == 0)
                await upstream.Answers.WriteAsync(new byte[3000]);
        }

        await Eventually.HoldsAsync(() => Statistics is { FlowsOpened: Living + Dead, StreamBytesDown: Dead / 2 * 3000 }, "all of them");
        foreach (TcpPeer peer in _dead)
            peer.Forget();
        for (int i = 0; i < Ports; i++)
            await EchoAsync(6000 + i);
        await AdvanceAsync(TimeSpan.FromSeconds(2));
    }

    /// <summary>Returns when it woke. What is caught up is bounded: no tick and no packet for each moment slept through.</summary>
    private async Task<TimeSpan> SleepAsync(TimeSpan sleep)
    {
        (long ticks, long packets) = (Statistics.Ticks, Statistics.PacketsOut);
        long start = Stopwatch.GetTimestamp();
        Time.Jump(sleep);
        TimeSpan woke = Time.Elapsed;
        Device.OnResume();
        TimeSpan busy = Stopwatch.GetElapsedTime(start);

        TestContext.Out.WriteLine($"{Statistics.Ticks - ticks} ticks, {Statistics.PacketsOut - packets} packets, {busy.TotalMilliseconds:F1} ms");
        Assert.That(Statistics.Ticks - ticks, Is.LessThanOrEqualTo(2), "ticks at once");
        Assert.That(Statistics.PacketsOut - packets, Is.LessThanOrEqualTo(4 * (Living + Dead)), "packets at once");
        Assert.That(busy, Is.LessThan(TimeSpan.FromSeconds(1)));
        // Another moment brings no more of it: no timer that fires again and again.
        (ticks, packets) = (Statistics.Ticks, Statistics.PacketsOut);
        for (int i = 0; i < 100; i++)
            Time.Advance(TimeSpan.Zero);
        Assert.That(Statistics.Ticks - ticks, Is.Zero);
        await Eventually.HoldsAsync(() => Statistics.Sessions == 0, "the end of sessions that idled");
        return woke;
    }

    private async Task AdvanceBySecondsAsync(TimeSpan time)
    {
        for (TimeSpan end = Time.Elapsed + time; Time.Elapsed < end;)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            // The link answers probes on its own thread.
            await Task.Delay(1);
        }
    }

    private static async Task PassAsync((TcpPeer Peer, FakeUpstream Upstream) flow)
    {
        int before = flow.Peer.ReceivedBytes;
        await flow.Peer.SendAsync(new byte[2000]);
        System.IO.Pipelines.ReadResult up = await flow.Upstream.Received.ReadAtLeastAsync(2000).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        flow.Upstream.Received.AdvanceTo(up.Buffer.End);
        await flow.Upstream.Answers.WriteAsync(new byte[2000]);
        await flow.Peer.WaitAsync(() => flow.Peer.ReceivedBytes == before + 2000);
    }

    private async Task EchoAsync(int port, IPEndPoint? server = null)
    {
        while (Link.Others.TryRead(out _))
        {
            // What the dead would have got.
        }

        IPEndPoint app = new(IPAddress.Parse("10.9.0.2"), port);
        Link.Send(PacketBuilder.UdpDatagram(app, server ?? Server4, [1, 2, 3]));
        ParsedPacket answer;
        do
            answer = await Link.NextAsync();
        while (answer.Protocol != PacketBuilder.Udp);
        Assert.That((answer.Destination, answer.Payload.Length), Is.EqualTo((app, 3)));
    }
}
