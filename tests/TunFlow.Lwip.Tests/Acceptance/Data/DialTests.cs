using System.Collections.Concurrent;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>Dials that hang, that end too late, and what the application says meanwhile.</summary>
[TestFixture]
internal sealed class DialTests : DeviceFixture
{
    [Test]
    [AcceptanceRow(11)]
    public async Task Ten_thousand_dials_that_never_end_time_out_after_ten_seconds_or_end_with_the_application_and_leave_no_slot()
    {
        const int wave = 200, waves = 50;
        ConcurrentQueue<TaskCompletionSource<StreamConnection>> dials = new();
        int cancelled = 0;
        Dialer.OnDial = (_, token) =>
        {
            token.Register(() => Interlocked.Increment(ref cancelled));
            TaskCompletionSource<StreamConnection> dial = new(TaskCreationOptions.RunContinuationsAsynchronously);
            dials.Enqueue(dial);
            return new ValueTask<StreamConnection>(dial.Task);
        };
        for (int round = 1; round <= waves; round++)
        {
            TcpPeer[] peers = [.. Enumerable.Range(0, wave).Select(_ => Link.CreatePeer(Server4))];
            foreach (TcpPeer peer in peers)
                peer.SendSyn();
            await Eventually.HoldsAsync(() => Dialer.Calls == round * wave, "the dials");
            foreach (TcpPeer peer in peers.Take(wave / 2))
                Link.Send(PacketBuilder.TcpSegment(peer.Local, peer.Remote, peer.InitialSequence + 1, 0, TcpFlags.Rst, 0));
            Time.Advance(TimeSpan.FromSeconds(10) - TimeSpan.FromMilliseconds(1));
            Assert.That(peers.Count(static peer => peer.WasReset), Is.Zero, "resets before the time-out");
            Time.Advance(TimeSpan.FromMilliseconds(1));
            foreach (TcpPeer peer in peers.Skip(wave / 2))
                await peer.WaitResetAsync();
            await Eventually.HoldsAsync(() => Statistics is { Flows: 0, FlowsPending: 0 }, "no flow is left");
            await Eventually.HoldsAsync(() => Volatile.Read(ref cancelled) == round * wave, "all tokens");
            foreach (TcpPeer peer in peers)
                peer.Forget();
        }

        // Now all of them succeed after all.
        while (dials.TryDequeue(out TaskCompletionSource<StreamConnection>? dial))
            dial.SetResult(Dialer.Create());
        await Eventually.HoldsAsync(() => Dialer.Upstreams.All(static upstream => upstream.Disposals == 1), "late connections are disposed");
        LwipStatistics statistics = Statistics;
        Assert.That(
            (statistics.DialsTimedOut, statistics.DialsCancelled, statistics.DialsSucceeded, Dialer.Upstreams.Count),
            Is.EqualTo((wave * waves / 2L, wave * waves / 2L, 0L, wave * waves)));

        Dialer.OnDial = null;
        await Link.CreatePeer(Server4).ConnectAsync();
        Assert.That(Statistics, Has.Property(nameof(LwipStatistics.Flows)).EqualTo(1));
    }

    [TestCase(AcceptMode.DialFirst)]
    [TestCase(AcceptMode.AcceptFirst)]
    [TestCase(AcceptMode.DialAtFirstPayload)]
    [Weakness(8)]
    public async Task What_the_application_sends_during_a_dial_of_400_ms_is_delivered_right_after_it_without_a_retransmission(AcceptMode mode)
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { TimeProvider = Time, AcceptMode = mode });
        PacketLink link = new(device);
        bool dialling = false;
        Dialer.OnDial = async (_, token) =>
        {
            Task delay = Task.Delay(TimeSpan.FromMilliseconds(400), Time, token);
            Volatile.Write(ref dialling, true);
            await delay;
            return Dialer.Create();
        };
        byte[] data = new byte[30 * 1024];
        new Random(8).NextBytes(data);
        TcpPeer peer = link.CreatePeer(Server4);
        peer.SendSyn();
        if (mode == AcceptMode.DialFirst)
        {
            await Eventually.HoldsAsync(() => Volatile.Read(ref dialling), "the dial");
            Time.Advance(TimeSpan.FromMilliseconds(400));
        }

        await peer.WaitAsync(() => peer.IsOpen);
        await peer.SendAsync(data);
        if (mode != AcceptMode.DialFirst)
        {
            await Eventually.HoldsAsync(() => Volatile.Read(ref dialling), "the dial");
            Time.Advance(TimeSpan.FromMilliseconds(399));
            Assert.That(Dialer.Upstreams, Is.Empty);
            Time.Advance(TimeSpan.FromMilliseconds(1));
        }

        FakeUpstream? upstream = null;
        await Eventually.HoldsAsync(() => Dialer.Upstreams.TryPeek(out upstream), "the end of the dial");
        // The peer of this test never sends anything twice, and no time passes any more.
        byte[] received = new byte[data.Length];
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(10));
        await upstream!.Received.AsStream(leaveOpen: true).ReadExactlyAsync(received, patience.Token);
        await peer.WaitAcknowledgedAsync();
        Assert.That(received.AsSpan().SequenceEqual(data), Is.True);
    }
}
