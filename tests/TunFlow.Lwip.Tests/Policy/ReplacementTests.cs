using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Policy;

[TestFixture]
internal sealed class ReplacementTests : DeviceFixture
{
    private static readonly IPEndPoint s_app = IPEndPoint.Parse("10.9.0.2:5000");

    [Test]
    public async Task Kept_flows_go_on_and_new_ones_use_the_new_dialer()
    {
        (TcpPeer old, FakeUpstream upstream) = await ConnectAsync();
        FakeDialer next = new();

        Device.SetDialer(next);
        await old.SendAsync(new byte[100]);
        Assert.That(await Link.CreatePeer(Server4).ConnectAsync(), Is.True);

        Assert.That((await upstream.Received.ReadAtLeastAsync(100)).Buffer.Length, Is.EqualTo(100));
        Assert.That((Dialer.Calls, next.Calls, old.WasReset), Is.EqualTo((1, 1, false)));
    }

    [Test]
    public async Task Reset_flows_hear_of_it_and_their_upstreams_are_freed()
    {
        (TcpPeer old, FakeUpstream upstream) = await ConnectAsync();

        Device.SetDialer(new FakeDialer(), ExistingFlows.Reset);

        await old.WaitResetAsync();
        await Eventually.HoldsAsync(() => upstream.Disposals == 1 && upstream.Aborts == 1 && Statistics.Flows == 0, "the upstream's end");
    }

    [Test]
    public async Task A_pending_dial_is_repeated_with_the_new_dialer()
    {
        CancellationToken seen = default;
        TaskCompletionSource<StreamConnection> stuck = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Dialer.OnDial = (_, token) =>
        {
            seen = token;
            return new ValueTask<StreamConnection>(stuck.Task);
        };
        FakeDialer next = new();
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");

        Device.SetDialer(next, ExistingFlows.Reset);

        await peer.WaitAsync(() => peer.IsOpen);
        Assert.That(next.Calls, Is.EqualTo(1));
        await Eventually.HoldsAsync(() => seen.IsCancellationRequested, "the cancellation");
        FakeUpstream late = Dialer.Create();
        stuck.SetResult(late);
        await Eventually.HoldsAsync(() => late.Disposals == 1, "the disposal of what came late");
        Assert.That(peer.WasReset, Is.False);
    }

    [Test]
    public async Task Flows_of_a_dialer_that_the_policy_chose_stay()
    {
        FakeDialer chosen = new();
        LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions
        {
            TimeProvider = Time,
            Policy = (_, _) => new ValueTask<FlowDecision>(FlowDecision.AcceptWith(chosen)),
        });
        await using (device)
        {
            PacketLink link = new(device);
            TcpPeer peer = link.CreatePeer(Server4);
            Assert.That(await peer.ConnectAsync(), Is.True);

            device.SetDialer(new FakeDialer(), ExistingFlows.Reset);
            await peer.SendAsync(new byte[1]);
            await peer.WaitAcknowledgedAsync();

            Assert.That(peer.WasReset, Is.False);
        }
    }

    [Test]
    public async Task Under_load_no_flow_stays_with_an_earlier_dialer()
    {
        const int rounds = 20;
        List<FakeDialer> dialers = [Dialer];
        using CancellationTokenSource stop = new();
        Task load = Task.Run(async () =>
        {
            List<Task> connecting = [];
            while (!stop.IsCancellationRequested)
            {
                connecting.Add(Link.CreatePeer(Server4).ConnectAsync(TimeSpan.FromSeconds(20)));
                if (connecting.Count % 8 == 0)
                    await Task.WhenAll(connecting);
            }

            await Task.WhenAll(connecting);
        });

        for (int i = 0; i < rounds; i++)
        {
            await Task.Delay(5);
            FakeDialer next = new();
            dialers.Add(next);
            Device.SetDialer(next, ExistingFlows.Reset);
        }

        await stop.CancelAsync();
        await load;
        int living = 0;
        foreach (FakeDialer earlier in dialers[..^1])
        {
            foreach (FakeUpstream upstream in earlier.Upstreams)
            {
                await Eventually.HoldsAsync(() => upstream.Disposals == 1, "the end of an earlier dialer's upstream");
                living++;
            }
        }

        TestContext.Out.WriteLine($"{living} upstreams of earlier dialers, {dialers[^1].Upstreams.Count} of the last");
        Assert.That(living, Is.Positive);
        Assert.That(dialers[^1].Upstreams.Count(static upstream => upstream.Disposals != 0), Is.Zero);
    }

    [Test]
    public async Task Sessions_are_kept_or_moved_to_the_new_proxy_as_asked()
    {
        FakePacketProxy second = new();
        FakePacketProxy third = new();
        await EchoAsync();
        Device.SetPacketProxy(second);
        await EchoAsync();
        Assert.That((Proxy.Calls, second.Calls), Is.EqualTo((1, 0)));

        Device.SetPacketProxy(third, ExistingFlows.Reset);
        await Eventually.HoldsAsync(() => Proxy.Sessions.Single().Disposals == 1, "the old session's end");
        await EchoAsync();

        Assert.That((Proxy.Calls, second.Calls, third.Calls, Statistics.SessionsOpened), Is.EqualTo((1, 0, 1, 1L)));
    }

    [Test]
    public async Task After_a_resume_sessions_get_new_sockets_and_connections_stay()
    {
        (TcpPeer peer, _) = await ConnectAsync();
        await EchoAsync();

        Device.OnResume();
        await Eventually.HoldsAsync(() => Proxy.Sessions.First().Disposals == 1, "the old session's end");
        await EchoAsync();
        await peer.SendAsync(new byte[1]);
        await peer.WaitAcknowledgedAsync();

        Assert.That((Proxy.Calls, peer.WasReset), Is.EqualTo((2, false)));
    }

    [Test]
    public async Task Aborting_all_resets_and_ends_everything_and_the_device_goes_on()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        await EchoAsync();

        Device.AbortAll();

        await peer.WaitResetAsync();
        await Eventually.HoldsAsync(() => upstream.Disposals == 1 && Proxy.Sessions.Single().Disposals == 1 && Statistics is { Flows: 0, Sessions: 0 }, "the ends");
        await ConnectAsync();
        await EchoAsync();
    }

    [Test]
    public async Task A_session_whose_old_proxy_hangs_in_a_send_moves_on()
    {
        // What a proxy does whose transport is stuck, the very moment to replace it.
        Proxy.OnDatagram = static async (session, _, _) =>
        {
            await Eventually.HoldsAsync(() => session.Disposals != 0, "the disposal of the stuck session", 30_000);
            throw new ObjectDisposedException(nameof(FakeSession));
        };
        Link.Send(PacketBuilder.UdpDatagram(s_app, Server4, "ping"u8));
        await Eventually.HoldsAsync(() => Proxy.Sessions.SingleOrDefault()?.Received.IsEmpty == false, "the send that hangs");

        Device.SetPacketProxy(new FakePacketProxy(), ExistingFlows.Reset);

        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo("ping"u8.ToArray()), "the datagram that hung");
        await EchoAsync();
        Assert.That((Proxy.Sessions.Single().Disposals, Statistics.SessionsOpened), Is.EqualTo((1, 1L)));
    }

    [Test]
    public async Task A_session_that_the_old_proxy_is_opening_is_opened_by_the_new_one()
    {
        CancellationToken seen = default;
        TaskCompletionSource stuck = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Proxy.OnOpen = (_, token) =>
        {
            seen = token;
            return new ValueTask(stuck.Task);
        };
        Link.Send(PacketBuilder.UdpDatagram(s_app, Server4, "ping"u8));
        await Eventually.HoldsAsync(() => Proxy.Calls == 1, "the opening that hangs");

        Device.SetPacketProxy(new FakePacketProxy(), ExistingFlows.Reset);

        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo("ping"u8.ToArray()), "the datagram that waited");
        await Eventually.HoldsAsync(() => seen.IsCancellationRequested, "the cancellation");
        stuck.SetResult();
        await Eventually.HoldsAsync(() => Proxy.Sessions.SingleOrDefault()?.Disposals == 1, "the disposal of what came late");
        Assert.That((Statistics.SessionsOpened, Statistics.SessionsFailed), Is.EqualTo((1L, 0L)));
    }

    [Test]
    public async Task Dials_that_are_repeated_never_run_on_the_thread_that_replaces()
    {
        Dialer.OnDial = static (_, _) => new ValueTask<StreamConnection>(new TaskCompletionSource<StreamConnection>().Task);
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");
        int dialled = 0;
        FakeDialer next = new();
        next.OnDial = (_, _) =>
        {
            dialled = Environment.CurrentManagedThreadId;
            return new ValueTask<StreamConnection>(next.Create());
        };
        int replacing = 0;
        Thread thread = new(() =>
        {
            replacing = Environment.CurrentManagedThreadId;
            Device.SetDialer(next, ExistingFlows.Reset);
            // Alive while the dial runs, so that its number isn't given to another.
            SpinWait.SpinUntil(() => next.Calls == 1, TimeSpan.FromSeconds(10));
        });
        thread.Start();
        await peer.WaitAsync(() => peer.IsOpen);
        thread.Join();

        Assert.That(dialled, Is.Not.EqualTo(replacing).And.Not.Zero);
    }

    [Test]
    public async Task After_a_resume_sessions_of_a_proxy_that_a_policy_chose_get_new_sockets_too()
    {
        FakePacketProxy chosen = new();
        LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions
        {
            TimeProvider = Time,
            Policy = (_, _) => new ValueTask<FlowDecision>(FlowDecision.AcceptWith(chosen)),
        });
        await using (device)
        {
            PacketLink link = new(device);
            link.Send(PacketBuilder.UdpDatagram(s_app, Server4, "ping"u8));
            await link.NextAsync();

            device.SetPacketProxy(new FakePacketProxy(), ExistingFlows.Reset);
            link.Send(PacketBuilder.UdpDatagram(s_app, Server4, "ping"u8));
            await link.NextAsync();
            Assert.That(chosen.Calls, Is.EqualTo(1), "a replacement of the device's proxy is none of the chosen one's");

            device.OnResume();
            await Eventually.HoldsAsync(() => chosen.Sessions.First().Disposals == 1, "the old session's end");
            link.Send(PacketBuilder.UdpDatagram(s_app, Server4, "ping"u8));
            await link.NextAsync();
            Assert.That(chosen.Calls, Is.EqualTo(2));
        }
    }

    [Test]
    public async Task Replacements_from_two_threads_never_make_a_dial_look_timed_out()
    {
        const int rounds = 300;
        Dialer.OnDial = SlowAsync;
        using CancellationTokenSource stop = new();
        Task[] load = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                await Link.CreatePeer(Server4).ConnectAsync(TimeSpan.FromSeconds(20));
        }))];
        Task[] replacements = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < rounds; i++)
            {
                Device.SetDialer(new FakeDialer { OnDial = SlowAsync }, ExistingFlows.Reset);
                if (i % 8 == 0)
                    await Task.Delay(1);
            }
        }))];

        await Task.WhenAll(replacements);
        await stop.CancelAsync();
        await Task.WhenAll(load);

        // Virtual time stood still: nothing can have timed out.
        Assert.That((Statistics.DialsTimedOut, Statistics.DialsSucceeded), Is.EqualTo((0L, Statistics.Dials - Statistics.DialsFailed)));

        static async ValueTask<StreamConnection> SlowAsync(EndPoint remote, CancellationToken token)
        {
            await Task.Delay(2, token);
            return new FakeUpstream();
        }
    }

    [Test]
    public void An_older_replacement_that_comes_late_leaves_flows_of_a_newer_dialer_alone()
    {
        Upstreams upstreams = new(Dialer, Proxy);
        Upstreams.Reign first = upstreams.Current;
        Upstreams.Reign second = upstreams.SetDialer(new FakeDialer());
        Upstreams.Reign third = upstreams.SetDialer(new FakeDialer());

        Assert.That((first.IsBefore(second), second.IsBefore(third), third.IsBefore(second), third.IsBefore(third)), Is.EqualTo((true, true, false, false)));
    }

    private async Task EchoAsync()
    {
        Link.Send(PacketBuilder.UdpDatagram(s_app, Server4, "ping"u8));
        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo("ping"u8.ToArray()));
    }
}
