using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Tunnels;

[TestFixture]
internal sealed class TunnelControlTests
{
    [Test]
    public async Task A_tunnel_passes_its_controls_on()
    {
        NativeLibraryRequirement.Check();
        (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
        FakeDialer first = new();
        FakeDialer second = new();
        FakePacketProxy packets = new();
        await using Tunnel tunnel = Tunnel.Start(near, first, new FakePacketProxy(), new TunnelOptions { DisposeDevice = true });
        PacketLink link = new(far);
        TcpPeer before = link.CreatePeer(IPEndPoint.Parse("192.0.2.1:80"));
        Assert.That(await before.ConnectAsync(), Is.True);
        Assert.That(tunnel.GetFlows().Single().Source, Is.EqualTo(before.Local));

        tunnel.SetDialer(second, ExistingFlows.Reset);
        tunnel.SetPacketProxy(packets);
        tunnel.OnResume();

        await before.WaitResetAsync();
        TcpPeer after = link.CreatePeer(IPEndPoint.Parse("192.0.2.1:80"));
        Assert.That(await after.ConnectAsync(), Is.True);
        link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), IPEndPoint.Parse("192.0.2.1:53"), [1]));
        await link.NextAsync();
        Assert.That((first.Calls, second.Calls, packets.Calls), Is.EqualTo((1, 1, 1)));
        tunnel.AbortAll();
        await after.WaitResetAsync();
    }
}
