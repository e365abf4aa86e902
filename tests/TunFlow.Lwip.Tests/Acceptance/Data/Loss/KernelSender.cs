using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using TunFlow.Devices;
using TunFlow.Lwip.Tests.Linux;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Loss;

/// <summary>A server of this system's own TCP with Reno (RFC 5681), in a namespace of its own behind a TUN.</summary>
[SupportedOSPlatform("linux")]
internal sealed class KernelSender : IAsyncDisposable
{
    private const int TcpLevel = 6;
    private const int TcpCongestion = 13;

    private readonly NetworkNamespace _room;
    private readonly Socket _listener;

    private KernelSender(NetworkNamespace room, LinuxTunDevice tun, Socket listener)
    {
        _room = room;
        Tun = tun;
        _listener = listener;
    }

    public LinuxTunDevice Tun { get; }

    public static KernelSender Start(IPEndPoint address, bool selectiveAcknowledgments)
    {
        NetworkNamespace room = NetworkNamespace.CreateOrSkip();
        LinuxTunDevice tun = room.Run(() =>
        {
            File.WriteAllText("/proc/sys/net/ipv4/tcp_sack", selectiveAcknowledgments ? "1" : "0");
            LinuxTunDevice device = LinuxTunDevice.Create(new LinuxTunOptions { Name = "tfs0", Mtu = 1500, Offloads = PacketOffloads.None });
            device.BringUp();
            device.AddAddress(address.Address, 32);
            device.AddRoute(IPNetwork.Parse("0.0.0.0/0"));
            return device;
        });
        Socket listener = room.Run(() =>
        {
            Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(address);
            socket.Listen();
            socket.SetRawSocketOption(TcpLevel, TcpCongestion, "reno"u8);
            return socket;
        });
        return new KernelSender(room, tun, listener);
    }

    /// <summary>Serves one client.</summary>
    public async Task ServeAsync(ReadOnlyMemory<byte> data)
    {
        using Socket client = await _listener.AcceptAsync();
        client.SetRawSocketOption(TcpLevel, TcpCongestion, "reno"u8);
        while (!data.IsEmpty)
            data = data[await client.SendAsync(data)..];
        client.Shutdown(SocketShutdown.Send);
        // Closing with the client's end unread would reset it.
        await client.ReceiveAsync(new byte[1]);
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await Tun.DisposeAsync();
        _room.Dispose();
    }
}
