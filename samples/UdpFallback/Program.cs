// Some networks and some proxies carry no UDP. Names must resolve all the same, and at once: the tunnel starts with a
// proxy that answers every DNS query with "truncated", upon which resolvers ask again by TCP. When a query of our own
// has come back by UDP, new sessions go the direct way; sessions that exist stay where they are.
using System.Net;
using TunFlow;
using TunFlow.Devices;
using TunFlow.Network;
using TunFlow.Network.Resolvers;

if (!OperatingSystem.IsLinux() || args.Length != 3)
{
    Console.Error.WriteLine("usage, on Linux and as root: UdpFallback INTERFACE NETWORK RESOLVER");
    return 2;
}

await using var tun = LinuxTunDevice.Create();
tun.AddAddress(IPAddress.Parse("10.255.0.1"), 24);
tun.BringUp();
tun.AddRoute(IPNetwork.Parse(args[1]));

var uplink = SocketConfigurators.BindToInterface(args[0]);
UdpListener sockets = new(uplink);
PacketListenerProxy direct = new(sockets);
DnsTruncatePacketProxy truncate = new();
DelegatePacketProxy packets = new(truncate);
await using var tunnel = Tunnel.Start(tun, new TcpDialer(uplink), packets);

// The check takes the same way as the datagrams of the tunnel will. It repeats the query; one lost datagram proves nothing.
UdpResolver check = new(new PacketListenerDialer(sockets), new IPEndPoint(IPAddress.Parse(args[2]), 53)) { Timeout = TimeSpan.FromSeconds(3) };

// An application checks when the network changes and every few minutes; here whoever sits in front of it does.
do
{
    bool works = await UdpWorksAsync(check);
    packets.SetProxy(works ? direct : truncate);
    Console.WriteLine($"UDP is {(works ? "carried" : "not carried, names are resolved by TCP")}. Enter checks again, Ctrl+D ends.");
}
while (Console.ReadLine() is not null);
return 0;

// Any answer will do, also an error: what matters is that it came by UDP. Every resolver knows the root's name servers.
static async Task<bool> UdpWorksAsync(UdpResolver resolver)
{
    try
    {
        await resolver.QueryAsync(new DnsQuestion(".", DnsRecordType.NS));
        return true;
    }
    catch (DnsException)
    {
        return false; // refused, unreachable, or silence
    }
}
