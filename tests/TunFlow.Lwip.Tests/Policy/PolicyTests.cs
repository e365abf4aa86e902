using System.Net;
using System.Net.Sockets;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Policy;

[TestFixture]
internal sealed class PolicyTests : DeviceFixture
{
    private static readonly IPEndPoint s_app = IPEndPoint.Parse("10.9.0.2:5000");

    private readonly List<FlowInfo> _asked = [];
    private FlowPolicy _policy = null!;

    protected override LwipDeviceOptions Options => new()
    {
        Policy = (flow, token) =>
        {
            lock (_asked)
                _asked.Add(flow);
            return _policy(flow, token);
        },
    };

    private int Asked
    {
        get
        {
            lock (_asked)
                return _asked.Count;
        }
    }

    [SetUp]
    public void AcceptAll()
    {
        _asked.Clear();
        _policy = static (_, _) => new ValueTask<FlowDecision>(FlowDecision.Accept);
    }

    [Test]
    public async Task The_policy_sees_the_5_tuple_once_before_the_SYN_is_answered()
    {
        TaskCompletionSource<FlowDecision> decision = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _policy = (_, _) => new ValueTask<FlowDecision>(decision.Task);
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await Eventually.HoldsAsync(() => Asked == 1, "the question");
        await AdvanceAsync(TimeSpan.FromSeconds(1));
        peer.SendSyn();
        await AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.That((Link.PacketCount, Dialer.Calls, Asked), Is.EqualTo((0L, 0, 1)));
        Assert.That(_asked[0], Is.EqualTo(new FlowInfo(ProtocolType.Tcp, peer.Local, Server4)));

        decision.SetResult(FlowDecision.Accept);

        await peer.WaitAsync(() => peer.IsOpen);
        Assert.That(Dialer.Calls, Is.EqualTo(1));
    }

    [Test]
    public async Task A_chosen_dialer_takes_the_flow()
    {
        FakeDialer other = new();
        _policy = (_, _) => new ValueTask<FlowDecision>(FlowDecision.AcceptWith(other));

        Assert.That(await Link.CreatePeer(Server4).ConnectAsync(), Is.True);

        Assert.That((Dialer.Calls, other.Calls), Is.EqualTo((0, 1)));
    }

    [Test]
    public async Task A_chosen_mode_answers_before_the_dial()
    {
        Dialer.OnDial = static (_, _) => new ValueTask<StreamConnection>(new TaskCompletionSource<StreamConnection>().Task);
        _policy = static (_, _) => new ValueTask<FlowDecision>(FlowDecision.Accept with { AcceptMode = AcceptMode.AcceptFirst });

        Assert.That(await Link.CreatePeer(Server4).ConnectAsync(), Is.True);
    }

    [Test]
    public async Task A_refused_flow_is_reset_without_a_dial()
    {
        _policy = static (_, _) => new ValueTask<FlowDecision>(FlowDecision.Refuse);
        TcpPeer peer = Link.CreatePeer(Server4);

        Assert.That(await peer.ConnectAsync(), Is.False);

        Assert.That((peer.WasReset, Dialer.Calls), Is.EqualTo((true, 0)));
        Assert.That(Statistics, Has.Property(nameof(LwipStatistics.PolicyRefusals)).EqualTo(1));
    }

    [Test]
    public async Task A_refusal_with_a_reason_is_told_by_ICMP()
    {
        _policy = static (_, _) => new ValueTask<FlowDecision>(FlowDecision.RefuseWith(NetworkError.AccessDenied));
        TcpPeer peer = Link.CreatePeer(Server4);

        Assert.That(await peer.ConnectAsync(), Is.False);

        Assert.That((peer.Unreachable?.IcmpType, peer.Unreachable?.IcmpCode), Is.EqualTo(((byte?)3, (byte?)13)));
    }

    [Test]
    public async Task A_dropped_flow_hears_nothing()
    {
        _policy = static (_, _) => new ValueTask<FlowDecision>(FlowDecision.Drop);
        Link.CreatePeer(Server4).SendSyn();
        await Eventually.HoldsAsync(() => Statistics is { PolicyRefusals: 1, Flows: 0 }, "the decision");

        Assert.That((Link.PacketCount, Dialer.Calls), Is.EqualTo((0L, 0)));
    }

    [Test]
    public async Task A_policy_that_throws_refuses_and_is_counted()
    {
        _policy = static (_, _) => throw new InvalidOperationException("a bug");
        TcpPeer peer = Link.CreatePeer(Server4);

        Assert.That(await peer.ConnectAsync(), Is.False);

        Assert.That(peer.WasReset, Is.True);
        Assert.That((Statistics.PolicyFailures, Statistics.UnexpectedExceptions), Is.EqualTo((1L, 1L)));
    }

    [Test]
    public async Task A_policy_that_hangs_refuses_after_the_dial_time_out_and_is_cancelled()
    {
        CancellationToken seen = default;
        _policy = (_, token) =>
        {
            seen = token;
            return new ValueTask<FlowDecision>(new TaskCompletionSource<FlowDecision>().Task);
        };
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await Eventually.HoldsAsync(() => Asked == 1, "the question");

        await AdvanceAsync(TimeSpan.FromSeconds(11), () => peer.WasReset);

        await peer.WaitResetAsync();
        await Eventually.HoldsAsync(() => seen.IsCancellationRequested, "the cancellation");
    }

    [Test]
    public async Task Policy_and_dial_share_the_dial_time_out()
    {
        TaskCompletionSource<FlowDecision> decision = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _policy = (_, _) => new ValueTask<FlowDecision>(decision.Task);
        Dialer.OnDial = static (_, _) => new ValueTask<StreamConnection>(new TaskCompletionSource<StreamConnection>().Task);
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await Eventually.HoldsAsync(() => Asked == 1, "the question");
        await AdvanceAsync(TimeSpan.FromSeconds(6));
        decision.SetResult(FlowDecision.Accept);
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");
        await AdvanceAsync(TimeSpan.FromSeconds(3));
        Assert.That(peer.WasReset, Is.False);

        await AdvanceAsync(TimeSpan.FromSeconds(2), () => peer.WasReset);

        await peer.WaitResetAsync();
    }

    [Test]
    public async Task A_session_is_asked_about_once_for_each_remote()
    {
        for (int round = 0; round < 5; round++)
        {
            foreach (int port in new[] { 1000, 2000, 3000 })
                Link.Send(PacketBuilder.UdpDatagram(s_app, new IPEndPoint(IPAddress.Parse("1.1.1.1"), port), [(byte)round]));
        }

        await Eventually.HoldsAsync(() => Statistics.DatagramsUp == 15, "all datagrams");
        Assert.That(_asked.Select(static flow => (flow.Protocol, flow.Source, flow.Destination.Port)), Is.EqualTo(new[]
        {
            (ProtocolType.Udp, s_app, 1000), (ProtocolType.Udp, s_app, 2000), (ProtocolType.Udp, s_app, 3000),
        }));
        Assert.That(Proxy.Calls, Is.EqualTo(1));
    }

    [Test]
    public async Task Remotes_of_one_session_go_to_different_proxies()
    {
        FakePacketProxy other = new();
        _policy = (flow, _) => new ValueTask<FlowDecision>(
            flow.Destination.Port == 53 ? FlowDecision.AcceptWith(other) : FlowDecision.Accept);
        IPEndPoint name = IPEndPoint.Parse("1.1.1.1:53");
        IPEndPoint game = IPEndPoint.Parse("1.1.1.1:9000");

        Link.Send(PacketBuilder.UdpDatagram(s_app, name, [1]));
        ParsedPacket first = await Link.NextAsync();
        Link.Send(PacketBuilder.UdpDatagram(s_app, game, [2]));
        ParsedPacket second = await Link.NextAsync();

        Assert.That((first.Source, second.Source), Is.EqualTo((name, game)));
        Assert.That((other.Calls, Proxy.Calls), Is.EqualTo((1, 1)));
        await Device.DisposeAsync();
        Assert.That((other.Sessions.Single().Disposals, Proxy.Sessions.Single().Disposals), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task A_refused_remote_is_told_by_ICMP_and_others_go_on()
    {
        _policy = static (flow, _) => new ValueTask<FlowDecision>(flow.Destination.Port == 443 ? FlowDecision.Refuse : FlowDecision.Accept);

        Link.Send(PacketBuilder.UdpDatagram(s_app, IPEndPoint.Parse("1.1.1.1:443"), [1]));
        ParsedPacket refusal = await Link.NextAsync();
        Link.Send(PacketBuilder.UdpDatagram(s_app, IPEndPoint.Parse("1.1.1.1:53"), [2]));
        ParsedPacket answer = await Link.NextAsync();

        Assert.That((refusal.IcmpType, refusal.IcmpCode), Is.EqualTo(((byte)3, (byte)3)));
        Assert.That(answer.Payload.ToArray(), Is.EqualTo(new byte[] { 2 }));
    }

    [Test]
    public async Task A_proxy_that_fails_to_open_refuses_its_own_remotes_only()
    {
        FakePacketProxy broken = new() { OnOpen = static (_, _) => throw new NetworkException(NetworkError.HostUnreachable) };
        _policy = (flow, _) => new ValueTask<FlowDecision>(flow.Destination.Port == 443 ? FlowDecision.AcceptWith(broken) : FlowDecision.Accept);

        Link.Send(PacketBuilder.UdpDatagram(s_app, IPEndPoint.Parse("1.1.1.1:443"), [1]));
        ParsedPacket refusal = await Link.NextAsync();
        Link.Send(PacketBuilder.UdpDatagram(s_app, IPEndPoint.Parse("1.1.1.1:53"), [2]));
        ParsedPacket answer = await Link.NextAsync();

        Assert.That((refusal.IcmpType, refusal.IcmpCode), Is.EqualTo(((byte)3, (byte)1)));
        Assert.That(answer.Payload.ToArray(), Is.EqualTo(new byte[] { 2 }));
        Assert.That((Statistics.SessionsFailed, Statistics.DatagramsFailed), Is.EqualTo((1L, 1L)));
    }

    [Test]
    public async Task A_question_whose_application_gave_up_is_no_failure_of_the_policy()
    {
        CancellationToken seen = default;
        _policy = (_, token) =>
        {
            seen = token;
            return new ValueTask<FlowDecision>(new TaskCompletionSource<FlowDecision>().Task);
        };
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await Eventually.HoldsAsync(() => Asked == 1, "the question");

        Link.Send(PacketBuilder.TcpSegment(peer.Local, peer.Remote, peer.InitialSequence + 1, 0, TcpFlags.Rst, 0));

        await Eventually.HoldsAsync(() => seen.IsCancellationRequested && Statistics.Flows == 0, "the cancellation");
        Assert.That(Statistics.PolicyFailures, Is.Zero);
    }
}
