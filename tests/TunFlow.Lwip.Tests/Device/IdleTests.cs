using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <summary>What the device does while nothing is asked of it: nothing; and what its clock and its numbers give away: nothing.</summary>
[TestFixture]
internal sealed class IdleTests : DeviceFixture
{
    [TestCase(1500), Weakness(23), Weakness(26), Weakness(31)]
    [TestCase(576)]
    [TestCase(65_535)]
    public async Task A_fresh_device_emits_nothing_and_has_no_timer(int mtu)
    {
        ManualTimeProvider time = new();
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { Mtu = mtu, TimeProvider = time });
        PacketLink link = new(device);

        for (int second = 0; second < 60; second++)
        {
            Assert.That(time.ActiveTimers, Is.Zero);
            time.Advance(TimeSpan.FromSeconds(1));
        }

        // Nothing is on its way either: a packet that follows is the first.
        Assert.That((device.GetStatistics().PacketsOut, device.GetStatistics().OutputQueue, device.GetStatistics().Ticks), Is.EqualTo((0L, 0, 0L)));
        link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), Server4, [9]));
        Assert.That((await link.NextAsync()).Payload.ToArray(), Is.EqualTo(new byte[] { 9 }));
        Assert.That(link.PacketCount, Is.EqualTo(1));
    }

    [Test, Weakness(26)]
    public async Task An_idle_connection_needs_no_timer_but_its_keep_alive_and_the_last_session_takes_its_own_with_it()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        await peer.SendAsync(new byte[10]);
        await upstream.Received.ReadAtLeastAsync(10);
        Link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), Server4, [1]));
        await Link.NextAsync();
        Time.Advance(TimeSpan.FromSeconds(61));
        await Eventually.HoldsAsync(() => Statistics.Sessions == 0, "the end of the session");
        // A timer that was set for something nearer fires once, and is set for what is next.
        Time.Advance(TimeSpan.FromSeconds(60));
        (long ticks, long packets) = (Statistics.Ticks, Statistics.PacketsOut);

        Assert.That(Time.NextTimer, Is.GreaterThan(TimeSpan.FromMinutes(110)));
        Time.Advance(TimeSpan.FromMinutes(60));
        Assert.That((Statistics.Ticks, Statistics.PacketsOut), Is.EqualTo((ticks, packets)));

        await upstream.Answers.CompleteAsync();
        await peer.WaitFinAsync();
        peer.SendFin();
        await AdvanceAsync(TimeSpan.FromSeconds(5), () => Statistics.Flows == 0);
        await Eventually.HoldsAsync(() => Statistics.Flows == 0, "the end of the flow");
        Time.Advance(TimeSpan.FromHours(3));
        Assert.That(Time.ActiveTimers, Is.Zero);
    }

    [Test, Weakness(26)]
    public async Task Initial_sequence_numbers_follow_RFC_6528()
    {
        IPEndPoint app = IPEndPoint.Parse("10.9.0.2:5000");
        uint first = await NextIsnAsync(Device, Link, app);
        Time.Advance(TimeSpan.FromSeconds(10));
        uint second = await NextIsnAsync(Device, Link, app);

        // ISN = M + F(tuple, secret), where M is a clock of 4 microseconds.
        Assert.That(second - first, Is.EqualTo(2_500_000u));

        // Other tuples, and the same tuple behind another secret, tell nothing: no difference is small, and none comes twice.
        uint[] others = new uint[200];
        for (int i = 0; i < 200; i += 2)
        {
            await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { TimeProvider = new ManualTimeProvider() });
            PacketLink link = new(device);
            others[i] = await NextIsnAsync(device, link, app);
            others[i + 1] = await NextIsnAsync(device, link, new IPEndPoint(app.Address, app.Port + 1));
        }

        uint[] steps = [.. others.Zip(others.Skip(1), static (one, next) => next - one)];
        Assert.That(steps, Is.Unique);
        Assert.That(steps.Count(static step => step < 10_000_000u || step > uint.MaxValue - 10_000_000u), Is.LessThan(10), "of 199, 1 is expected");
    }

    private static async Task<uint> NextIsnAsync(LwipDevice device, PacketLink link, IPEndPoint app)
    {
        // The tuple is free again after each.
        TcpPeer peer = link.CreatePeer(Server4, app);
        Assert.That(await peer.ConnectAsync(), Is.True);
        uint isn = peer.NextExpected - 1;
        peer.SendReset();
        await Eventually.HoldsAsync(() => device.GetStatistics().Flows == 0, "the end of the flow");
        peer.Forget();
        return isn;
    }
}
