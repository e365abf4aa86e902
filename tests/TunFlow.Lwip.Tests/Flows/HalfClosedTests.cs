using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Flows;

/// <summary>Flows one side of which has ended: what moves in them keeps them alive, silence ends them.</summary>
[TestFixture]
[Weakness(13)]
internal sealed class HalfClosedTests : DeviceFixture
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    protected override LwipDeviceOptions Options => new() { HalfClosedTimeout = s_limit };

    [Test]
    public async Task An_upstream_that_never_ends_after_the_application_did_is_aborted()
    {
        (TcpPeer peer, FakeUpstream upstream) = await HalfClosedByApplicationAsync();

        await ExpectEndAsync(peer, upstream);
    }

    [Test]
    public async Task An_application_that_stays_silent_after_the_upstream_ended_is_reset()
    {
        (TcpPeer peer, FakeUpstream upstream) = await HalfClosedByUpstreamAsync();

        await ExpectEndAsync(peer, upstream);
    }

    [Test]
    public async Task Answers_keep_a_flow_whose_application_has_ended()
    {
        (TcpPeer peer, FakeUpstream upstream) = await HalfClosedByApplicationAsync();
        for (int i = 1; i <= 10; i++)
        {
            Time.Advance(s_limit - TimeSpan.FromSeconds(1));
            await upstream.Answers.WriteAsync(new byte[] { 1 });
            await peer.WaitAsync(() => peer.ReceivedBytes == i);
        }

        await upstream.Answers.CompleteAsync();
        await peer.WaitFinAsync();
        Assert.That((peer.WasReset, upstream.Aborts, Statistics.FlowsHalfClosedExpired), Is.EqualTo((false, 0, 0L)));
    }

    [Test]
    public async Task An_upload_keeps_a_flow_whose_upstream_has_ended()
    {
        (TcpPeer peer, FakeUpstream upstream) = await HalfClosedByUpstreamAsync();
        for (int i = 0; i < 10; i++)
        {
            Time.Advance(s_limit - TimeSpan.FromSeconds(1));
            await peer.SendAsync(new byte[1]);
            upstream.Received.AdvanceTo((await upstream.Received.ReadAtLeastAsync(1)).Buffer.End);
        }

        peer.SendFin();
        await Eventually.HoldsAsync(() => upstream.WritesWereCompleted && upstream.Disposals == 1, "the orderly end");
        Assert.That((peer.WasReset, upstream.Aborts, Statistics.FlowsHalfClosedExpired), Is.EqualTo((false, 0, 0L)));
    }

    [Test]
    public async Task A_hundred_megabytes_after_a_half_close_arrive_whole()
    {
        (TcpPeer peer, FakeUpstream upstream) = await HalfClosedByApplicationAsync();
        byte[] part = new byte[100_000];
        new Random(1).NextBytes(part);
        Task<byte[]> all = peer.ReceiveToEndAsync(TimeSpan.FromSeconds(60));
        for (int i = 0; i < 100; i++)
        {
            await upstream.Answers.WriteAsync(part);
            await peer.WaitAsync(() => peer.ReceivedBytes == (i + 1) * part.Length);
            Time.Advance(s_limit / 2);
        }

        await upstream.Answers.CompleteAsync();
        byte[] received = await all;
        Assert.That(received, Has.Length.EqualTo(100 * part.Length));
        Assert.That(Enumerable.Range(0, 100).All(i => received.AsSpan(i * part.Length, part.Length).SequenceEqual(part)), Is.True);
    }

    [Test]
    public async Task Without_a_limit_it_waits_for_ever()
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { TimeProvider = Time, HalfClosedTimeout = Timeout.InfiniteTimeSpan, KeepAliveInterval = Timeout.InfiniteTimeSpan });
        PacketLink link = new(device);
        TcpPeer peer = link.CreatePeer(Server4);
        Assert.That(await peer.ConnectAsync(), Is.True);
        FakeUpstream upstream = await DialledAsync();
        peer.SendFin();
        await Eventually.HoldsAsync(() => upstream.WritesWereCompleted, "the half-close");
        for (int day = 0; day < 100; day++)
            Time.Advance(TimeSpan.FromDays(1));
        Assert.That((peer.WasReset, upstream.Aborts, device.GetStatistics().Flows), Is.EqualTo((false, 0, 1)));
    }

    [Test]
    public void The_default_is_longer_than_a_NATs_least() =>
        Assert.That(new LwipDeviceOptions().HalfClosedTimeout, Is.GreaterThanOrEqualTo(TimeSpan.FromMinutes(4)), "RFC 5382 REQ-5");

    private async Task<(TcpPeer Peer, FakeUpstream Upstream)> HalfClosedByApplicationAsync()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        peer.SendFin();
        await Eventually.HoldsAsync(() => upstream.WritesWereCompleted, "the half-close");
        return (peer, upstream);
    }

    private async Task<(TcpPeer Peer, FakeUpstream Upstream)> HalfClosedByUpstreamAsync()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        await upstream.Answers.CompleteAsync();
        await peer.WaitFinAsync();
        return (peer, upstream);
    }

    /// <summary>No earlier than the limit, and no later than a tick of the stack's timer behind it.</summary>
    private async Task ExpectEndAsync(TcpPeer peer, FakeUpstream upstream)
    {
        Assert.That(Time.Elapsed, Is.EqualTo(TimeSpan.Zero), "when the last byte moved");
        Time.Advance(s_limit - TimeSpan.FromMilliseconds(1));
        Device.OnResume();
        Assert.That((peer.WasReset, Statistics.FlowsHalfClosedExpired), Is.EqualTo((false, 0L)));
        Time.Advance(TimeSpan.FromMilliseconds(2));
        await peer.WaitResetAsync();
        await Eventually.HoldsAsync(() => upstream is { Aborts: 1, Disposals: 1 } && Statistics.Flows == 0, "the end of both sides");
        Assert.That((Statistics.FlowsHalfClosedExpired, Statistics.FlowsReset), Is.EqualTo((1L, 1L)));
    }

    private async Task<FakeUpstream> DialledAsync()
    {
        FakeUpstream? upstream = null;
        await Eventually.HoldsAsync(() => Dialer.Upstreams.TryDequeue(out upstream), "a dial");
        return upstream!;
    }
}
