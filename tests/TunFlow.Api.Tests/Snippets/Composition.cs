using System.Net;
using TunFlow.Network;

namespace TunFlow.Api.Tests.Snippets;

/// <summary>Code of the README between its markers: compiled here, compared there.</summary>
internal static class Composition
{
    internal static async Task RunAsync(IIPDevice tun, SocketConfigurator uplink)
    {
        // <snippet>
        IPEndPoint local = new(IPAddress.Parse("10.255.0.53"), 53), remote = new(IPAddress.Parse("9.9.9.9"), 53);

        // Datagrams: what is asked 10.255.0.53 is asked 9.9.9.9 instead, everything else goes where it wants.
        PacketListenerProxy direct = new(new UdpListener(uplink));
        DnsInterceptPacketProxy carried = new(direct, direct, local, remote);
        // Until UDP is known to work every query is answered "truncated", and whoever asked asks again by TCP.
        DelegatePacketProxy packets = new(new DnsTruncatePacketProxy());

        // Connections: the same resolver, or whatever else a function can decide.
        TcpDialer tcp = new(uplink);
        var streams = StreamDialer.FromFunc((to, cancel) => tcp.DialStreamAsync(local.Equals(to) ? remote : to, cancel));

        // Packets: all of them, both ways, to a file for Wireshark.
        await using CaptureDevice capture = new(tun, "tunnel.pcapng");
        await using var tunnel = Tunnel.Start(capture, streams, packets);
        packets.SetProxy(carried); // when a query of our own has come back by UDP
        // </snippet>
        await tunnel.Completion;
    }
}
