using System.Net;
using System.Net.Sockets;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Sessions;

[TestFixture]
[Weakness(22)]
internal sealed class MulticastTests : DeviceFixture
{
    private static readonly IPEndPoint s_app4 = IPEndPoint.Parse("10.9.0.2:5353");
    private static readonly IPEndPoint s_app6 = IPEndPoint.Parse("[fd09::2]:5353");

    private readonly List<FlowInfo> _asked = [];

    protected override LwipDeviceOptions Options => new()
    {
        AllowMulticast = true,
        Policy = (flow, _) =>
        {
            lock (_asked)
                _asked.Add(flow);
            return new ValueTask<FlowDecision>(FlowDecision.Accept);
        },
    };

    [SetUp]
    public void Forget() => _asked.Clear();

    [TestCase("224.0.0.251:5353")]
    [TestCase("239.255.255.250:1900")]
    [TestCase("255.255.255.255:67")]
    [TestCase("[ff02::fb]:5353")]
    public async Task Datagrams_to_groups_reach_policy_and_proxy_and_members_answer(string group)
    {
        IPEndPoint destination = IPEndPoint.Parse(group);
        bool v4 = destination.AddressFamily == AddressFamily.InterNetwork;
        (IPEndPoint app, IPEndPoint member) = v4 ? (s_app4, IPEndPoint.Parse("192.0.2.9:5353")) : (s_app6, IPEndPoint.Parse("[2001:db8::9]:5353"));
        Proxy.OnDatagram = (session, payload, _) => session.Receiver.WriteFromAsync(payload, member);

        Link.Send(PacketBuilder.UdpDatagram(app, destination, "who is there?"u8));
        ParsedPacket answer = await Link.NextAsync();

        Assert.That((answer.Source, answer.Destination), Is.EqualTo((member, app)));
        Assert.That(Proxy.Sessions.Single().Received.Single().Destination, Is.EqualTo(destination));
        Assert.That(_asked, Is.EqualTo(new[] { new FlowInfo(ProtocolType.Udp, app, destination) }));
    }

    [TestCase("224.0.0.251:5353")]
    [TestCase("255.255.255.255:67")]
    [TestCase("[ff02::fb]:5353")]
    public async Task An_answer_from_a_group_is_refused(string group)
    {
        IPEndPoint destination = IPEndPoint.Parse(group);
        Proxy.OnDatagram = static (_, _, _) => ValueTask.CompletedTask;
        Link.Send(PacketBuilder.UdpDatagram(destination.AddressFamily == AddressFamily.InterNetwork ? s_app4 : s_app6, destination, "x"u8));
        await Eventually.HoldsAsync(() => Proxy.Sessions.TryPeek(out FakeSession? one) && one.Received.Count == 1, "the datagram");

        IPacketResponseReceiver receiver = Proxy.Sessions.Single().Receiver;
        Assert.That(
            async () => await receiver.WriteFromAsync("y"u8.ToArray(), destination),
            Throws.TypeOf<NetworkException>().With.Property(nameof(NetworkException.Error)).EqualTo(NetworkError.AddressNotAvailable).And.Message.Contains("source address"));
        Assert.That(Link.PacketCount, Is.Zero);
    }

    [Test]
    public async Task A_refused_datagram_to_a_group_gets_no_ICMP_error()
    {
        Proxy.OnDatagram = static (_, _, _) => throw new NetworkException(NetworkError.PortUnreachable);
        Link.Send(PacketBuilder.UdpDatagram(s_app4, IPEndPoint.Parse("224.0.0.251:5353"), "x"u8));
        await Eventually.HoldsAsync(() => Statistics.DatagramsFailed == 1, "the refusal");
        Assert.That(Link.PacketCount, Is.Zero, "RFC 1122 section 3.2.2");
    }

    [Test]
    public async Task Connections_to_groups_and_datagrams_to_loopback_stay_dropped()
    {
        foreach (string group in new[] { "224.0.0.1:80", "255.255.255.255:80", "[ff02::1]:80" })
            Link.CreatePeer(IPEndPoint.Parse(group)).SendSyn();
        Link.Send(PacketBuilder.UdpDatagram(s_app4, IPEndPoint.Parse("127.0.0.1:53"), "x"u8));
        Link.Send(PacketBuilder.UdpDatagram(s_app6, IPEndPoint.Parse("[::1]:53"), "x"u8));
        LwipStatistics now = Statistics;
        Assert.That((now.Drops[PacketDropReason.Multicast], now.Drops[PacketDropReason.Destination], now.Sessions, now.Flows), Is.EqualTo((3L, 2L, 0, 0)));
        Assert.That((Dialer.Calls, Proxy.Calls, Link.PacketCount), Is.EqualTo((0, 0, 0L)));
        await Task.CompletedTask;
    }

    [Test]
    public async Task By_default_groups_open_nothing_and_are_counted()
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { TimeProvider = Time });
        PacketLink link = new(device);
        foreach (string group in new[] { "224.0.0.251:5353", "239.255.255.250:1900", "255.255.255.255:67" })
            link.Send(PacketBuilder.UdpDatagram(s_app4, IPEndPoint.Parse(group), "x"u8));
        link.Send(PacketBuilder.UdpDatagram(s_app6, IPEndPoint.Parse("[ff02::fb]:5353"), "x"u8));
        LwipStatistics now = device.GetStatistics();
        Assert.That((now.Drops[PacketDropReason.Multicast], now.Drops.Total, now.Sessions), Is.EqualTo((4L, 4L, 0)));
        Assert.That(Proxy.Calls, Is.Zero);
    }
}
