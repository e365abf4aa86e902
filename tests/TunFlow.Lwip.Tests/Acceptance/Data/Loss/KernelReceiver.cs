using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using TunFlow.Devices;
using TunFlow.Lwip.Tests.Linux;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Loss;

/// <summary>Kernel sockets behind a TUN, as in <see cref="TunnelHost"/>, and no tunnel.</summary>
[SupportedOSPlatform("linux")]
internal sealed class KernelReceiver : IAsyncDisposable
{
    private readonly NetworkNamespace _room;

    private KernelReceiver(NetworkNamespace room, LinuxTunDevice tun)
    {
        _room = room;
        Tun = tun;
    }

    public LinuxTunDevice Tun { get; }

    public static KernelReceiver Start()
    {
        NetworkNamespace room = NetworkNamespace.CreateOrSkip();
        return new KernelReceiver(room, room.Run(() =>
        {
            LinuxTunDevice device = LinuxTunDevice.Create(new LinuxTunOptions { Name = "tfr0", Mtu = 1500, Offloads = PacketOffloads.None });
            device.BringUp();
            device.AddAddress(IPAddress.Parse("10.9.0.1"), 24);
            device.AddRoute(IPNetwork.Parse("0.0.0.0/0"));
            return device;
        }));
    }

    public async Task<Socket> ConnectAsync(IPEndPoint destination)
    {
        Socket socket = _room.Run(static () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        await socket.ConnectAsync(destination).WaitAsync(TimeSpan.FromSeconds(10));
        return socket;
    }

    public async ValueTask DisposeAsync()
    {
        await Tun.DisposeAsync();
        _room.Dispose();
    }
}
