// Records what goes through a tunnel for Wireshark: a device around the TUN writes every packet, in both directions, to a
// pcapng file and passes it on. The tunnel does not notice; any IIPDevice can be wrapped like this.
using System.Net;
using TunFlow;
using TunFlow.Devices;
using TunFlow.Network;

if (!OperatingSystem.IsLinux() || args.Length != 3)
{
    Console.Error.WriteLine("usage, on Linux and as root: CaptureTunnel INTERFACE NETWORK FILE");
    return 2;
}

await using var tun = LinuxTunDevice.Create();
tun.AddAddress(IPAddress.Parse("10.255.0.1"), 24);
tun.BringUp();
tun.AddRoute(IPNetwork.Parse(args[1]));
var uplink = SocketConfigurators.BindToInterface(args[0]);

await using CaptureDevice capture = new(tun, args[2]);
await using var tunnel = Tunnel.Start(capture, new TcpDialer(uplink), new PacketListenerProxy(new UdpListener(uplink)));
Console.WriteLine($"{tun.Name} carries {args[1]} and writes {args[2]}; Enter ends it.");
await Task.WhenAny(Task.Run(Console.ReadLine), tunnel.Completion);

// Disposing writes what is left. To record for a while only, make the device without a file and use StartCapture.
Console.WriteLine($"{capture.Capture?.GetStatistics().PacketsRecorded} packets recorded.");
return 0;
