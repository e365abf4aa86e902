using System.Net;
using System.Net.Sockets;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

[TestFixture]
internal sealed class ControlTests : DeviceFixture
{
    [Test]
    [Weakness(31)]
    public async Task Flows_are_listed_with_what_they_moved()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        await peer.SendAsync(new byte[1000]);
        await upstream.Received.ReadAtLeastAsync(1000);
        await upstream.Answers.WriteAsync(new byte[50]);
        await peer.ReceiveAsync(50);
        IPEndPoint app = IPEndPoint.Parse("10.9.0.2:5000");
        Link.Send(PacketBuilder.UdpDatagram(app, Server4, new byte[7]));
        await Link.NextAsync();
        await Eventually.HoldsAsync(() => Device.GetFlows().Sum(static flow => flow.BytesUp) == 1007, "the counts");
        Time.Advance(TimeSpan.FromSeconds(3));

        FlowSnapshot tcp = Device.GetFlows().Single(static flow => flow.Protocol == ProtocolType.Tcp);
        FlowSnapshot udp = Device.GetFlows().Single(static flow => flow.Protocol == ProtocolType.Udp);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((tcp.Source, tcp.Destination, tcp.State), Is.EqualTo((peer.Local, Server4, FlowState.Open)));
            Assert.That((tcp.BytesUp, tcp.BytesDown, tcp.Age), Is.EqualTo((1000L, 50L, TimeSpan.FromSeconds(3))));
            Assert.That(tcp.NativeBytes, Is.Positive);
            Assert.That((udp.Source, udp.Destination, udp.State), Is.EqualTo((app, (IPEndPoint?)null, FlowState.Open)));
            Assert.That((udp.BytesUp, udp.BytesDown), Is.EqualTo((7L, 7L)));
        }
    }

    [Test]
    public async Task The_list_follows_a_flow_from_its_dial_to_its_end()
    {
        TaskCompletionSource<StreamConnection> dial = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Dialer.OnDial = (_, _) => new ValueTask<StreamConnection>(dial.Task);
        TcpPeer peer = Link.CreatePeer(Server4);
        peer.SendSyn();
        await ReachesAsync(FlowState.Opening);

        FakeUpstream upstream = Dialer.Create();
        dial.SetResult(upstream);
        await peer.WaitAsync(() => peer.IsOpen);
        await ReachesAsync(FlowState.Open);

        peer.SendFin();
        await ReachesAsync(FlowState.HalfClosed);

        await upstream.Answers.CompleteAsync();
        await Eventually.HoldsAsync(() => Device.GetFlows().Count == 0, "the end");
    }

    [Test]
    [Weakness(20)]
    public async Task A_new_MTU_holds_for_writes_and_for_connections_from_now_on()
    {
        (TcpPeer before, FakeUpstream _) = await ConnectAsync();
        Device.SetMtu(9000);
        TcpPeer after = Link.CreatePeer(Server4);
        after.Mss = 20_000;
        Assert.That(await after.ConnectAsync(), Is.True);
        FakeUpstream? upstream = null;
        await Eventually.HoldsAsync(() => Dialer.Upstreams.TryDequeue(out upstream), "the dial");
        byte[] data = new byte[30_000];
        await upstream!.Answers.WriteAsync(data);
        await after.ReceiveAsync(data.Length);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Device.Mtu, Is.EqualTo(9000));
            Assert.That(async () => await Device.WriteAsync(new byte[9001]), Throws.InstanceOf<NetworkException>().With.Property(nameof(NetworkException.Error)).EqualTo(NetworkError.MessageTooLarge));
            Assert.That(async () => await Device.WriteAsync(new byte[9000]), Throws.Nothing);
            Assert.That(before.WasReset, Is.False);
        }
    }

    [Test]
    public async Task A_disposed_device_refuses_to_be_controlled_and_can_still_be_looked_at()
    {
        await ConnectAsync();
        await Device.DisposeAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => Device.SetDialer(Dialer), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => Device.SetPacketProxy(Proxy), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => Device.SetMtu(1400), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(Device.AbortAll, Throws.Nothing);
            Assert.That(Device.OnResume, Throws.Nothing);
            Assert.That(Device.GetFlows(), Is.Empty);
            Assert.That(Device.GetStatistics().FlowsOpened, Is.EqualTo(1));
            Assert.That(Device.Mtu, Is.EqualTo(1500));
        }
    }

    [TestCase(575)]
    [TestCase(65_536)]
    public void An_MTU_out_of_range_is_refused(int mtu) =>
        Assert.That(() => Device.SetMtu(mtu), Throws.InstanceOf<ArgumentOutOfRangeException>());

    private Task ReachesAsync(FlowState state) => Eventually.HoldsAsync(() => Device.GetFlows() is [{ } flow] && flow.State == state, state.ToString());
}
