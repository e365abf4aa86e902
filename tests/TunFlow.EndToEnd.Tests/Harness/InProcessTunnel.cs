using System.Net;
using TunFlow.Devices;
using TunFlow.Lwip;
using TunFlow.Network;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>A tunnel of this process whose TUN is a namespace's only way out; every connection is dialled to one place.</summary>
internal sealed class InProcessTunnel : IAsyncDisposable
{
    internal const string Tun = "tunflow1";

    private InProcessTunnel(NetworkNamespace application, LinuxTunDevice device, Tunnel tunnel)
    {
        Application = application;
        Device = device;
        Tunnel = tunnel;
    }

    internal NetworkNamespace Application { get; }

    internal LinuxTunDevice Device { get; }

    internal Tunnel Tunnel { get; }

    internal LwipStatistics Statistics => Tunnel.GetStatistics().Stack;

    internal static InProcessTunnel Start(IStreamDialer dialer, LwipDeviceOptions? options = null)
    {
        NetworkNamespace application = new();
        try
        {
            LinuxTunDevice device = application.Do(() => LinuxTunDevice.Create(new LinuxTunOptions { Name = Tun }));
            Topology.Configure(application, Tun);
            var tunnel = Tunnel.Start(device, dialer, new PacketListenerProxy(new UdpListener()), new TunnelOptions { DisposeDevice = true, Stack = options ?? new() });
            return new InProcessTunnel(application, device, tunnel);
        }
        catch
        {
            application.Dispose();
            throw;
        }
    }

    /// <summary>Dials the system's sockets, but the given port of the loopback instead of what was asked for.</summary>
    internal static IStreamDialer ToLoopback(int port) =>
        StreamDialer.FromFunc((_, cancellationToken) => new TcpDialer().DialStreamAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken));

    public async ValueTask DisposeAsync()
    {
        await Tunnel.DisposeAsync();
        Application.Dispose();
    }
}
