// The smallest tunnel: what programs send to one network comes out of a TUN as TCP connections and UDP sessions, and
// leaves again through ordinary sockets. Put your own dialer where TcpDialer stands and you have a VPN client.
using System.Net;
using TunFlow;
using TunFlow.Devices;
using TunFlow.Network;

if (!OperatingSystem.IsLinux() || args.Length != 2)
{
    Console.Error.WriteLine("usage, on Linux and as root: DirectTunnel INTERFACE NETWORK");
    return 2;
}

// A new interface, tun0 or the next free number. It disappears with the device.
await using var tun = LinuxTunDevice.Create();
tun.AddAddress(IPAddress.Parse("10.255.0.1"), 24);
tun.BringUp();
tun.AddRoute(IPNetwork.Parse(args[1]));

// The route holds for this program, too: a socket that is not bound to another interface would lead into the TUN again.
var uplink = SocketConfigurators.BindToInterface(args[0]);

// From here on every TCP connection into the TUN is dialled by the first, every UDP session carried by the second.
await using var tunnel = Tunnel.Start(tun, new TcpDialer(uplink), new PacketListenerProxy(new UdpListener(uplink)));
Console.WriteLine($"{tun.Name} carries {args[1]}; Enter ends it.");
await Task.WhenAny(Task.Run(Console.ReadLine), tunnel.Completion);

var flows = tunnel.GetStatistics().Stack;
Console.WriteLine($"{flows.FlowsOpened} connections, {flows.SessionsOpened} UDP sessions, {flows.StreamBytesDown} bytes received.");
return 0;
