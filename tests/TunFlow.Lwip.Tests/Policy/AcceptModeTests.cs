using System.IO.Pipelines;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Policy;

[TestFixture(AcceptMode.AcceptFirst)]
[TestFixture(AcceptMode.DialAtFirstPayload)]
internal sealed class AcceptModeTests(AcceptMode mode) : DeviceFixture
{
    protected override LwipDeviceOptions Options => new() { AcceptMode = mode, MaxPendingDials = 4, MaxPendingDialsPerSource = 2 };

    [Test]
    public async Task The_handshake_completes_before_the_dial_does()
    {
        TaskCompletionSource<StreamConnection> dial = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Dialer.OnDial = (_, _) => new ValueTask<StreamConnection>(dial.Task);
        TcpPeer peer = Link.CreatePeer(Server4);

        Assert.That(await peer.ConnectAsync(), Is.True);

        dial.SetResult(Dialer.Create());
    }

    [Test]
    public async Task Nothing_is_dialled_before_the_third_segment_of_the_handshake()
    {
        for (int i = 0; i < 100; i++)
        {
            IPEndPoint source = new(IPAddress.Parse("10.9.0.3"), 2000 + i);
            Link.Send(PacketBuilder.TcpSegment(source, Server4, (uint)i * 100_000, 0, TcpFlags.Syn, 65_535));
            await Eventually.HoldsAsync(() => Statistics.FlowsHalfOpen == i + 1, "the answer");
        }

        await AdvanceAsync(TimeSpan.FromSeconds(3));

        Assert.That(Dialer.Calls, Is.Zero);
    }

    [Test]
    public async Task What_was_sent_during_the_dial_arrives_without_a_retransmission()
    {
        byte[] data = new byte[30 * 1024];
        new Random(1).NextBytes(data);
        TaskCompletionSource<StreamConnection> dial = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Dialer.OnDial = (_, _) => new ValueTask<StreamConnection>(dial.Task);
        TcpPeer peer = Link.CreatePeer(Server4);
        await peer.ConnectAsync();
        await peer.SendAsync(data);
        await peer.WaitAcknowledgedAsync();
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");

        FakeUpstream upstream = Dialer.Create();
        dial.SetResult(upstream);

        ReadResult received = await upstream.Received.ReadAtLeastAsync(data.Length).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(System.Buffers.BuffersExtensions.ToArray(received.Buffer), Is.EqualTo(data));
        Assert.That(peer.Retransmissions, Is.Zero);
    }

    [Test]
    public async Task A_failed_dial_resets_what_was_accepted()
    {
        Dialer.OnDial = (_, _) => throw new NetworkException(NetworkError.HostUnreachable);
        TcpPeer peer = Link.CreatePeer(Server4);
        await peer.ConnectAsync();
        // The other mode has failed by now.
        if (mode == AcceptMode.DialAtFirstPayload)
            await peer.SendAsync(new byte[10]);

        await peer.WaitResetAsync();

        Assert.That(peer.Unreachable, Is.Null);
        await Eventually.HoldsAsync(() => Statistics is { Flows: 0, DialsFailed: 1 }, "the flow is gone");
    }

    [Test]
    public async Task A_dial_that_hangs_is_cancelled_and_resets()
    {
        CancellationToken seen = default;
        Dialer.OnDial = (_, token) =>
        {
            seen = token;
            return new ValueTask<StreamConnection>(new TaskCompletionSource<StreamConnection>().Task);
        };
        TcpPeer peer = Link.CreatePeer(Server4);
        await peer.ConnectAsync();
        await peer.SendAsync(new byte[10]);
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");

        await AdvanceAsync(TimeSpan.FromSeconds(11), () => peer.WasReset);

        await peer.WaitResetAsync();
        await Eventually.HoldsAsync(() => seen.IsCancellationRequested, "the cancellation");
        Assert.That(Statistics.DialsTimedOut, Is.EqualTo(1));
    }

    [Test]
    public async Task A_reset_of_the_application_cancels_the_dial()
    {
        CancellationToken seen = default;
        Dialer.OnDial = (_, token) =>
        {
            seen = token;
            return new ValueTask<StreamConnection>(new TaskCompletionSource<StreamConnection>().Task);
        };
        TcpPeer peer = Link.CreatePeer(Server4);
        await peer.ConnectAsync();
        await peer.SendAsync(new byte[10]);
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");

        peer.SendReset();

        await Eventually.HoldsAsync(() => seen.IsCancellationRequested && Statistics.Flows == 0, "the cancellation");
        Assert.That(Statistics.DialsCancelled, Is.EqualTo(1));
    }

    [Test]
    public async Task Dials_beyond_the_limit_of_a_source_wait_for_their_turn()
    {
        List<TaskCompletionSource<StreamConnection>> dials = [];
        Dialer.OnDial = (_, _) =>
        {
            TaskCompletionSource<StreamConnection> dial = new(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (dials)
                dials.Add(dial);
            return new ValueTask<StreamConnection>(dial.Task);
        };
        List<TcpPeer> peers = [];
        for (int i = 0; i < 5; i++)
        {
            peers.Add(Link.CreatePeer(Server4));
            Assert.That(await peers[^1].ConnectAsync(), Is.True);
            await peers[^1].SendAsync(new byte[1]);
        }

        await Eventually.HoldsAsync(() => Dialer.Calls == 2, "two dials");
        await Task.Delay(20);
        Assert.That(Dialer.Calls, Is.EqualTo(2));
        for (int done = 0; done < 5; done++)
        {
            await Eventually.HoldsAsync(() => Dialer.Calls > done, "the next dial");
            lock (dials)
                dials[done].SetResult(Dialer.Create());
        }

        await Eventually.HoldsAsync(() => Device.GetFlows().Count(static flow => flow.State == FlowState.Open) == 5, "five open flows");
    }

    [Test]
    [Weakness(9)]
    public async Task A_server_that_speaks_first_is_dialled_after_a_second()
    {
        TcpPeer peer = Link.CreatePeer(Server4);
        await peer.ConnectAsync();
        if (mode == AcceptMode.DialAtFirstPayload)
        {
            await AdvanceAsync(TimeSpan.FromMilliseconds(900));
            Assert.That(Dialer.Calls, Is.Zero);
        }

        await AdvanceAsync(TimeSpan.FromMilliseconds(200), () => Dialer.Calls == 1);
        FakeUpstream? upstream = null;
        await Eventually.HoldsAsync(() => Dialer.Upstreams.TryDequeue(out upstream), "the dial");
        await upstream!.Answers.WriteAsync("220 ready"u8.ToArray());

        Assert.That(await peer.ReceiveAsync(9), Is.EqualTo("220 ready"u8.ToArray()));
    }

    [Test]
    public async Task A_flow_that_broke_while_its_dial_came_back_frees_an_upstream_that_takes_nothing()
    {
        byte[] data = new byte[400 * 1024];
        TcpPeer peer = Link.CreatePeer(Server4);
        using ManualResetEventSlim sent = new();
        FakeUpstream upstream = new();
        Dialer.OnDial = (_, token) =>
        {
            // All of it inside the call: the dial has succeeded before anybody waits for it.
            Assert.That(sent.Wait(TimeSpan.FromSeconds(20)), Is.True);
            peer.SendReset();
            Assert.That(SpinWait.SpinUntil(() => token.IsCancellationRequested, TimeSpan.FromSeconds(20)), Is.True);
            return new ValueTask<StreamConnection>(upstream);
        };
        await peer.ConnectAsync();
        await peer.SendAsync(data, TimeSpan.FromSeconds(20));

        sent.Set();

        await Eventually.HoldsAsync(() => upstream is { Disposals: 1, Aborts: <= 1 } && Statistics.Flows == 0, "the upstream's end");
    }

    [Test]
    public async Task A_flow_that_was_given_up_before_its_turn_is_no_dial()
    {
        Dialer.OnDial = static async (_, token) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, token);
            return null!;
        };
        List<TcpPeer> peers = [];
        for (int i = 0; i < 3; i++)
        {
            peers.Add(Link.CreatePeer(Server4));
            Assert.That(await peers[^1].ConnectAsync(), Is.True);
            await peers[^1].SendAsync(new byte[1]);
            await Eventually.HoldsAsync(() => Dialer.Calls == Math.Min(i + 1, 2), "the dial");
        }

        peers[2].SendReset();
        await Eventually.HoldsAsync(() => Statistics.Flows == 2, "the end of the one that waited");
        peers[0].SendReset();
        peers[1].SendReset();

        await Eventually.HoldsAsync(() => Statistics is { Flows: 0, DialsFailed: 2 }, "the end");
        Assert.That((Statistics.Dials, Statistics.DialsSucceeded, Statistics.DialsFailed, Statistics.DialsCancelled), Is.EqualTo((2L, 0L, 2L, 2L)));
    }
}
