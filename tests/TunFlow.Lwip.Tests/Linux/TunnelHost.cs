using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using TunFlow.Devices;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Linux;

/// <summary>A tunnel over a kernel TUN in a namespace of its own, and the kernel's sockets as applications.</summary>
[SupportedOSPlatform("linux")]
internal sealed class TunnelHost : IAsyncDisposable
{
    private TunnelHost(NetworkNamespace room, LinuxTunDevice tun, Tunnel tunnel)
    {
        Room = room;
        Tun = tun;
        Tunnel = tunnel;
    }

    public NetworkNamespace Room { get; }

    public LinuxTunDevice Tun { get; }

    public Tunnel Tunnel { get; }

    public static TunnelHost Start(
        IStreamDialer dialer, IPacketProxy proxy, PacketOffloads offloads = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation,
        TunnelOptions? options = null, Func<LinuxTunDevice, IIPDevice>? wrap = null, Action<LwipFlow>? flowHandler = null)
    {
        NativeLibraryRequirement.Check();
        NetworkNamespace room = NetworkNamespace.CreateOrSkip();
        LinuxTunDevice tun = room.Run(() =>
        {
            LinuxTunDevice device = Create("tft0", offloads);
            device.AddRoute(IPNetwork.Parse("0.0.0.0/0"));
            device.AddRoute(IPNetwork.Parse("::/0"));
            return device;
        });
        Tunnel tunnel = Tunnel.Start(wrap?.Invoke(tun) ?? tun, dialer, proxy, options);
        tunnel.Stack.FlowHandler = flowHandler;
        return new TunnelHost(room, tun, tunnel);
    }

    /// <summary>Another TUN of the same addresses, without routes.</summary>
    public LinuxTunDevice CreateTun(string name) => Room.Run(() => Create(name, PacketOffloads.Checksum | PacketOffloads.TcpSegmentation));

    public Socket CreateSocket(AddressFamily family, SocketType type) =>
        Room.Run(() => new Socket(family, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp));

    public async Task<Socket> ConnectAsync(IPEndPoint destination)
    {
        Socket socket = CreateSocket(destination.AddressFamily, SocketType.Stream);
        socket.NoDelay = true;
        await socket.ConnectAsync(destination).WaitAsync(TimeSpan.FromSeconds(10));
        return socket;
    }

    public async ValueTask DisposeAsync()
    {
        await Tunnel.DisposeAsync();
        await Tun.DisposeAsync();
        Room.Dispose();
    }

    private static LinuxTunDevice Create(string name, PacketOffloads offloads)
    {
        LinuxTunDevice device = LinuxTunDevice.Create(new LinuxTunOptions { Name = name, Mtu = 1500, Offloads = offloads });
        device.BringUp();
        device.AddAddress(IPAddress.Parse("10.9.0.1"), 24);
        device.AddAddress(IPAddress.Parse("fd09::1"), 64);
        return device;
    }
}
