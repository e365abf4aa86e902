using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Policy;

[TestFixture]
internal sealed class LoopTests : DeviceFixture
{
    private static readonly IPEndPoint s_app = IPEndPoint.Parse("10.9.0.2:5000");
    private static readonly IPEndPoint s_proxy = IPEndPoint.Parse("198.51.100.9:8388");

    protected override LwipDeviceOptions Options => new() { ProxyEndPoints = [IPEndPoint.Parse("[::ffff:198.51.100.9]:8388")] };

    [Test]
    public async Task A_connection_to_the_own_proxy_is_refused_without_a_dial()
    {
        TcpPeer peer = Link.CreatePeer(s_proxy);

        Assert.That(await peer.ConnectAsync(), Is.False);

        Assert.That((peer.WasReset, Dialer.Calls, Statistics.LoopsRefused), Is.EqualTo((true, 0, 1L)));
    }

    [Test]
    public async Task Datagrams_to_the_own_proxy_are_refused_without_a_session()
    {
        Link.Send(PacketBuilder.UdpDatagram(s_app, s_proxy, [1]));

        ParsedPacket refusal = await Link.NextAsync();

        Assert.That((refusal.IcmpType, refusal.IcmpCode), Is.EqualTo(((byte)3, (byte)3)));
        Assert.That((Proxy.Calls, Statistics.LoopsRefused), Is.EqualTo((0, 1L)));
    }

    [Test]
    public async Task Other_ports_of_that_host_are_reached()
    {
        await ConnectAsync(new IPEndPoint(s_proxy.Address, 443));
        Assert.That(Statistics.LoopsRefused, Is.Zero);
    }
}
