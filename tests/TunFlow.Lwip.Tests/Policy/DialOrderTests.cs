using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Policy;

/// <summary>Dial first, the default: the application learns from the SYN's answer what the dial came to.</summary>
[TestFixture]
internal sealed class DialOrderTests : DeviceFixture
{
    [TestCase(4), Weakness(9), Weakness(31)]
    [TestCase(6)]
    public async Task No_SYN_ACK_before_the_dial_succeeded_and_one_dial_however_often_the_SYN_comes(int family)
    {
        TaskCompletionSource<StreamConnection> dial = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Dialer.OnDial = (_, _) => new ValueTask<StreamConnection>(dial.Task);
        TcpPeer peer = Link.CreatePeer(family == 4 ? Server4 : Server6);
        peer.SendSyn();
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");

        // As TCP repeats it: after 1, 3 and 7 seconds (RFC 6298), and without end between.
        for (int second = 1; second <= 9; second++)
        {
            await AdvanceAsync(TimeSpan.FromSeconds(1));
            peer.SendSyn();
        }

        Assert.That((Link.PacketCount, Statistics.PacketsOut, Dialer.Calls, peer.IsOpen, peer.WasReset), Is.EqualTo((0L, 0L, 1, false, false)));
        Assert.That((Statistics.Flows, Statistics.FlowsPending, Statistics.Dials), Is.EqualTo((1, 1, 1L)));

        dial.SetResult(Dialer.Create());
        await peer.WaitAsync(() => peer.IsOpen);
        await Eventually.HoldsAsync(() => Statistics.FlowsOpened == 1, "the handshake");
        Assert.That((Dialer.Calls, Statistics.DialsSucceeded, Statistics.FlowsPending), Is.EqualTo((1, 1L, 0)));
    }

    [TestCase(4), Weakness(9), Weakness(31)]
    [TestCase(6)]
    public async Task A_refused_dial_is_an_RST_that_answers_the_SYN(int family)
    {
        Dialer.OnDial = static (_, _) => throw new NetworkException(NetworkError.ConnectionRefused);
        (IPEndPoint app, IPEndPoint server) = family == 4 ? (IPEndPoint.Parse("10.9.0.2:5000"), Server4) : (IPEndPoint.Parse("[fd09::2]:5000"), Server6);

        // No peer of the link: the answer is looked at as it is.
        Link.Send(PacketBuilder.TcpSegment(app, server, 0xFFFF_FFFF, 0, TcpFlags.Syn, 65_535));
        ParsedPacket answer = await Link.NextAsync();

        // RFC 9293 section 3.10.7.1: sequence number 0, and the SYN acknowledged; across the wrap.
        Assert.That((answer.Flags, answer.Sequence, answer.Acknowledgment), Is.EqualTo((TcpFlags.Rst | TcpFlags.Ack, 0u, 0u)));
        Assert.That((answer.Source, answer.Destination), Is.EqualTo((server, app)));
        await Eventually.HoldsAsync(() => Statistics is { Flows: 0, FlowsRefused: 1, DialsFailed: 1, FlowsOpened: 0 }, "the end of it");
        Assert.That(Statistics.PacketsOut, Is.EqualTo(1));
    }

    [Test, Weakness(9)]
    public async Task Happy_Eyeballs_of_an_application_sees_the_dead_family_and_takes_the_other()
    {
        Dialer.OnDial = (remote, _) => ((IPEndPoint)remote).Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6
            ? throw new NetworkException(NetworkError.NetworkUnreachable)
            : new ValueTask<StreamConnection>(Dialer.Create());
        TcpPeer six = Link.CreatePeer(Server6);
        TcpPeer four = Link.CreatePeer(Server4);

        Assert.That((await six.ConnectAsync(), await four.ConnectAsync()), Is.EqualTo((false, true)));
        Assert.That(six.Unreachable?.IcmpType, Is.EqualTo(1));
    }

    [Test, Weakness(9)]
    public async Task The_third_mode_dials_at_the_first_payload()
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { AcceptMode = AcceptMode.DialAtFirstPayload, TimeProvider = Time });
        PacketLink link = new(device);
        TcpPeer peer = link.CreatePeer(Server4);
        Assert.That(await peer.ConnectAsync(), Is.True);
        await Eventually.HoldsAsync(() => device.GetStatistics().FlowsOpened == 1, "the handshake");
        await AdvanceAsync(TimeSpan.FromMilliseconds(500));
        Assert.That(Dialer.Calls, Is.Zero);

        // No time passes from here on.
        await peer.SendAsync("GET /"u8.ToArray());

        await Eventually.HoldsAsync(() => !Dialer.Upstreams.IsEmpty, "the dial");
        Dialer.Upstreams.TryPeek(out FakeUpstream? upstream);
        await upstream!.Received.ReadAtLeastAsync(5).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(Dialer.Calls, Is.EqualTo(1));
    }

    [Test, Weakness(9)]
    public async Task The_third_mode_dials_for_an_application_that_only_listens_after_a_second()
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { AcceptMode = AcceptMode.DialAtFirstPayload, TimeProvider = Time });
        PacketLink link = new(device);
        Assert.That(await link.CreatePeer(Server4).ConnectAsync(), Is.True);
        // Its timer is set once the handshake was told to the flow.
        await Eventually.HoldsAsync(() => device.GetStatistics().FlowsOpened == 1 && Time.NextTimer <= TimeSpan.FromSeconds(1), "the wait");

        Time.Advance(TimeSpan.FromMilliseconds(999));
        await Task.Delay(20);
        Assert.That(Dialer.Calls, Is.Zero);
        Time.Advance(TimeSpan.FromMilliseconds(1));
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");
    }
}
