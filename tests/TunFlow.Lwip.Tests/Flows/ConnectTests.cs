using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Flows;

[TestFixture]
internal sealed class ConnectTests : DeviceFixture
{
    [TestCase(4)]
    [TestCase(6)]
    public async Task The_dialer_gets_the_destination_of_the_SYN(int family)
    {
        IPEndPoint server = family == 4 ? Server4 : Server6;
        await ConnectAsync(server);
        Assert.That(Dialer.Destinations, Is.EqualTo(new[] { server }));
        Assert.That(() => Statistics.FlowsOpened, Is.EqualTo(1));
    }

    [TestCase(NetworkError.ConnectionRefused)]
    [TestCase(NetworkError.TimedOut)]
    [TestCase(NetworkError.Unknown)]
    public async Task A_failed_dial_resets(NetworkError error)
    {
        Dialer.OnDial = (_, _) => throw new NetworkException(error);
        TcpPeer peer = Link.CreatePeer(Server4);
        Assert.That(await peer.ConnectAsync(), Is.False);
        Assert.That(peer.WasReset, Is.True);
        await Eventually.HoldsAsync(() => Statistics is { Flows: 0, FlowsRefused: 1, DialsFailed: 1 }, "the flow is gone");
    }

    [TestCase(4, NetworkError.HostUnreachable, 3, 1)]
    [TestCase(4, NetworkError.NetworkUnreachable, 3, 0)]
    [TestCase(4, NetworkError.AccessDenied, 3, 13)]
    [TestCase(6, NetworkError.HostUnreachable, 1, 3)]
    [TestCase(6, NetworkError.NetworkUnreachable, 1, 0)]
    [TestCase(6, NetworkError.AccessDenied, 1, 1)]
    [Weakness(9)]
    public async Task An_unreachable_destination_is_told_by_ICMP(int family, NetworkError error, int type, int code)
    {
        Dialer.OnDial = async (_, _) =>
        {
            await Task.Yield();
            throw new NetworkException(error);
        };
        TcpPeer peer = Link.CreatePeer(family == 4 ? Server4 : Server6);
        Assert.That(await peer.ConnectAsync(), Is.False);
        Assert.That((peer.Unreachable?.IcmpType, peer.Unreachable?.IcmpCode), Is.EqualTo(((byte?)type, (byte?)code)));
        await Eventually.HoldsAsync(() => Statistics.Flows == 0, "the flow is gone");
    }

    [Test]
    public async Task Exceptions_that_are_no_network_errors_reset_and_are_counted()
    {
        Dialer.OnDial = (_, _) => throw new InvalidOperationException("a bug");
        TcpPeer peer = Link.CreatePeer(Server4);
        Assert.That(await peer.ConnectAsync(), Is.False);
        Dialer.OnDial = (_, _) => new ValueTask<StreamConnection>((StreamConnection)null!);
        TcpPeer second = Link.CreatePeer(Server4);
        Assert.That(await second.ConnectAsync(), Is.False);
        Assert.That(peer.WasReset && second.WasReset, Is.True);
        Assert.That(Statistics.UnexpectedExceptions, Is.EqualTo(2));
    }

    [Test]
    public async Task A_dialer_that_throws_OperationCanceled_by_itself_resets()
    {
        Dialer.OnDial = (_, _) => throw new OperationCanceledException();
        TcpPeer peer = Link.CreatePeer(Server4);
        Assert.That(await peer.ConnectAsync(), Is.False);
        Assert.That(peer.WasReset, Is.True);
    }

    [Test]
    [Weakness(9)]
    public async Task A_dial_of_two_seconds_is_one_dial_and_no_answer_comes_before_its_end()
    {
        TaskCompletionSource<StreamConnection> dial = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Dialer.OnDial = (_, _) => new ValueTask<StreamConnection>(dial.Task);
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");
        await AdvanceAsync(TimeSpan.FromSeconds(1));
        peer.SendSyn();
        await AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.That((Link.PacketCount, Dialer.Calls), Is.EqualTo((0L, 1)));

        dial.SetResult(Dialer.Create());
        await peer.WaitAsync(() => peer.IsOpen);
        Assert.That(Dialer.Calls, Is.EqualTo(1));
        Assert.That(() => Statistics.FlowsOpened, Is.EqualTo(1).After(2000, 10));
    }

    [Test]
    public async Task A_dial_that_takes_too_long_is_cancelled_and_resets()
    {
        CancellationToken seen = default;
        Dialer.OnDial = async (_, token) =>
        {
            seen = token;
            await Task.Delay(Timeout.Infinite, token);
            return Dialer.Create();
        };
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");
        await AdvanceAsync(TimeSpan.FromSeconds(9));
        Assert.That(peer.WasReset, Is.False);
        await AdvanceAsync(TimeSpan.FromSeconds(2));
        await peer.WaitResetAsync();
        Assert.That(seen.IsCancellationRequested, Is.True);
        Assert.That(Statistics, Has.Property(nameof(LwipStatistics.DialsTimedOut)).EqualTo(1));
    }

    [Test]
    public async Task A_dialer_that_ignores_its_token_delays_nobody_and_its_late_connection_is_disposed()
    {
        TaskCompletionSource<StreamConnection> dial = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Dialer.OnDial = (_, _) => new ValueTask<StreamConnection>(dial.Task);
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");
        await AdvanceAsync(TimeSpan.FromSeconds(11));
        await peer.WaitResetAsync();

        FakeUpstream late = Dialer.Create();
        dial.SetResult(late);
        await Eventually.HoldsAsync(() => late.Disposals == 1, "disposal of the late upstream");
        Assert.That(() => Statistics.Flows, Is.Zero.After(2000, 10));
    }

    [Test]
    public async Task An_RST_of_the_application_cancels_the_dial()
    {
        TaskCompletionSource cancelled = new();
        Dialer.OnDial = async (_, token) =>
        {
            await using CancellationTokenRegistration registration = token.Register(cancelled.SetResult);
            await Task.Delay(Timeout.Infinite, token);
            return Dialer.Create();
        };
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");
        Link.Send(PacketBuilder.TcpSegment(peer.Local, peer.Remote, peer.InitialSequence + 1, 0, TcpFlags.Rst, 0));
        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(5));
        await Eventually.HoldsAsync(() => Statistics is { Flows: 0, DialsCancelled: 1 }, "the flow is gone");
    }

    [Test]
    public async Task Dials_at_once_are_capped_by_source_and_in_all()
    {
        // Sources that have completed a handshake share all places, others half of them.
        for (int source = 1; source <= 5; source++)
            Assert.That(await Link.CreatePeer(Server4, new IPEndPoint(IPAddress.Parse($"10.9.1.{source}"), 20_000)).ConnectAsync(), Is.True);
        Dialer.OnDial = static async (_, token) =>
        {
            await Task.Delay(Timeout.Infinite, token);
            return null!;
        };
        for (int source = 1; source <= 5; source++)
        {
            for (int port = 1; port <= 300; port++)
                Link.CreatePeer(Server4, new IPEndPoint(IPAddress.Parse($"10.9.1.{source}"), 20_000 + port)).SendSyn();
        }

        LwipStatistics statistics = Statistics;
        Assert.That((statistics.FlowsPending, statistics.Drops[PacketDropReason.PendingLimit]), Is.EqualTo((1024, 1500L - 1024)));
        await Eventually.HoldsAsync(() => Dialer.Calls == 5 + 1024, "all dials");
        await AdvanceAsync(TimeSpan.FromSeconds(11), () => Statistics.Flows == 5);
        await Eventually.HoldsAsync(() => Statistics is { Flows: 5, DialsTimedOut: 1024 }, "all flows are gone");
    }

    [Test]
    public async Task Made_up_sources_leave_half_of_the_places_to_known_ones()
    {
        await ConnectAsync();
        Dialer.OnDial = static async (_, token) =>
        {
            await Task.Delay(Timeout.Infinite, token);
            return null!;
        };
        for (int i = 0; i < 2000; i++)
            Link.CreatePeer(Server4, new IPEndPoint(new IPAddress([10, 8, (byte)(i >> 8), (byte)i]), 20_000)).SendSyn();
        Assert.That((Statistics.FlowsPending, Statistics.Drops[PacketDropReason.PendingLimit]), Is.EqualTo((512, 2000L - 512)));
        await Eventually.HoldsAsync(() => Dialer.Calls == 1 + 512, "their dials");
        Dialer.OnDial = null;

        await ConnectAsync();

        Assert.That(Statistics.FlowsPending, Is.EqualTo(512));
    }

    [Test]
    public async Task Disposing_the_device_cancels_dials()
    {
        TaskCompletionSource cancelled = new();
        Dialer.OnDial = async (_, token) =>
        {
            await using CancellationTokenRegistration registration = token.Register(cancelled.SetResult);
            await Task.Delay(Timeout.Infinite, token);
            return Dialer.Create();
        };
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");
        await Device.DisposeAsync();
        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(5));
    }
}
