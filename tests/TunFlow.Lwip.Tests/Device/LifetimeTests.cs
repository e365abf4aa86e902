using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

[TestFixture]
internal sealed class LifetimeTests : DeviceFixture
{
    [Test]
    public async Task Disposing_resets_every_flow_before_reads_end()
    {
        const int count = 20;
        List<(TcpPeer Peer, FakeUpstream Upstream)> flows = [];
        for (int i = 0; i < count; i++)
            flows.Add(await ConnectAsync());
        await Device.DisposeAsync();
        await Link.Completion.WaitAsync(TimeSpan.FromSeconds(5));
        Assert.That(flows.Count(flow => flow.Peer.WasReset), Is.EqualTo(count));
        Assert.That(flows.Count(flow => flow.Upstream is { Disposals: 1, Aborts: 1 }), Is.EqualTo(count));
        Assert.That(Statistics.Flows, Is.Zero);
    }

    [Test]
    public async Task Disposing_ends_sessions_once_on_both_sides()
    {
        Link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), IPEndPoint.Parse("8.8.8.8:53"), "q"u8));
        await Link.NextAsync();
        FakeSession session = Proxy.Sessions.Single();
        await Device.DisposeAsync();
        Assert.That(session.Disposals, Is.EqualTo(1));
        Assert.That(
            async () => await session.Receiver.WriteFromAsync("late"u8.ToArray(), IPEndPoint.Parse("8.8.8.8:53")),
            Throws.TypeOf<ObjectDisposedException>().Or.TypeOf<NetworkException>().With.Property("Error").EqualTo(NetworkError.Closed));
    }

    [Test]
    public async Task Disposing_takes_at_most_a_second_when_an_upstream_ignores_everything()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        upstream.StuckWrites = gate;
        await peer.SendAsync(new byte[5000]);
        await Eventually.HoldsAsync(() => Statistics.FlowsOpened == 1, "open");
        await Task.Delay(100);

        long start = Environment.TickCount64;
        await Device.DisposeAsync();
        Assert.That(Environment.TickCount64 - start, Is.LessThan(3000));
        Assert.That(() => peer.WasReset, Is.True.After(1000, 10));

        // Its write still reads memory of the stack, which is freed when it returns.
        gate.SetResult();
        await AdvanceAsync(TimeSpan.FromSeconds(5), () => upstream.Disposals == 1);
        await Eventually.HoldsAsync(() => upstream.Disposals == 1, "disposal");
        await Eventually.HoldsAsync(() => Device.IsReleased, "release of the native stack");
    }

    [Weakness(14)]
    [Test]
    public async Task Fifty_disposals_at_once_are_one()
    {
        (_, FakeUpstream upstream) = await ConnectAsync();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(async () => await Device.DisposeAsync()))).WaitAsync(TimeSpan.FromSeconds(5));
        Assert.That(upstream.Disposals, Is.EqualTo(1));
    }

    [AcceptanceRow(32)]
    [Test]
    public async Task The_dialer_may_dispose_the_device()
    {
        Dialer.OnDial = async (_, _) =>
        {
            await Device.DisposeAsync();
            return Dialer.Create();
        };
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await Link.Completion.WaitAsync(TimeSpan.FromSeconds(5));
        await Eventually.HoldsAsync(() => Dialer.Upstreams.TryPeek(out FakeUpstream? late) && late.Disposals == 1, "disposal of the late upstream");
    }

    [Test]
    public async Task A_thousand_flows_leave_nothing_behind()
    {
        await ConnectAndCloseAsync();
        await AdvanceAsync(TimeSpan.FromSeconds(10), () => Statistics.Flows == 0);
        long before = Statistics.NativeBytes;
        const int count = 1000;
        TcpPeer[] peers = new TcpPeer[count];
        for (int i = 0; i < count; i++)
        {
            peers[i] = Link.CreatePeer(Server4, new IPEndPoint(IPAddress.Parse("10.9.0.3"), 10_000 + i));
            Assert.That(await peers[i].ConnectAsync(), Is.True);
        }

        Assert.That(() => Statistics.FlowsOpened, Is.EqualTo(count + 1).After(2000, 10));
        Assert.That(Statistics.Flows, Is.EqualTo(count));
        FakeUpstream[] upstreams = [.. Dialer.Upstreams];
        foreach (FakeUpstream upstream in upstreams)
            await upstream.Answers.CompleteAsync();
        foreach (TcpPeer peer in peers)
        {
            await peer.WaitFinAsync();
            peer.SendFin();
        }

        await AdvanceAsync(TimeSpan.FromSeconds(5), () => Statistics.Flows == 0);
        Assert.That((Statistics.Flows, Statistics.NativeBytes), Is.EqualTo((0, before)));
        Assert.That(upstreams.Count(upstream => upstream.Disposals == 1), Is.EqualTo(count));
        Assert.That(Time.ActiveTimers, Is.Zero, "timers of an idle device");
    }

    [Test]
    public async Task An_idle_device_sends_nothing_and_has_no_timer()
    {
        await AdvanceAsync(TimeSpan.FromSeconds(60));
        Assert.That((Link.PacketCount, Time.ActiveTimers, Statistics.Ticks), Is.EqualTo((0L, 0, 0L)));
    }

    [Test]
    public async Task Stacks_are_given_back()
    {
        for (int i = 0; i < 40; i++)
        {
            await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions());
            Assert.That(device.GetStatistics().Flows, Is.Zero);
        }
    }

    [Test]
    public async Task Too_many_devices_are_a_clear_error()
    {
        List<LwipDevice> devices = [];
        try
        {
            NetworkException? error = Assert.Throws<NetworkException>(() =>
            {
                for (int i = 0; i < 1000; i++)
                    devices.Add(new LwipDevice(Dialer, Proxy));
            });
            Assert.That(error!.Error, Is.EqualTo(NetworkError.ResourceExhausted));
        }
        finally
        {
            foreach (LwipDevice device in devices)
                await device.DisposeAsync();
        }
    }

    private async Task ConnectAndCloseAsync()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        await upstream.Answers.CompleteAsync();
        await peer.WaitFinAsync();
        peer.SendFin();
        await peer.WaitAcknowledgedAsync();
        await Eventually.HoldsAsync(() => upstream.Disposals == 1, "disposal");
    }
}
