using System.Diagnostics;
using System.Net;
using TunFlow.Devices;
using TunFlow.Lwip;
using TunFlow.Network;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>A tunnel of this process whose TUN is a namespace's only way out; every connection is dialled to one place.</summary>
internal sealed class InProcessTunnel : IAsyncDisposable
{
    internal const int SmallestOfIPv6 = 1280;

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

    /// <param name="dialer">Must dial the loopback only.</param>
    /// <param name="options">Of the stack.</param>
    /// <param name="packets">Null sends datagrams from the machine's own sockets.</param>
    internal static InProcessTunnel Start(IStreamDialer dialer, LwipDeviceOptions? options = null, IPacketProxy? packets = null)
    {
        NetworkNamespace application = new();
        try
        {
            LinuxTunDevice device = application.Do(() => LinuxTunDevice.Create(new LinuxTunOptions { Name = Tun }));
            Topology.Configure(application, Tun);
            var tunnel = Tunnel.Start(device, dialer, packets ?? new PacketListenerProxy(new UdpListener()), new TunnelOptions { DisposeDevice = true, Stack = options ?? new() });
            return new InProcessTunnel(application, device, tunnel);
        }
        catch
        {
            application.Dispose();
            throw;
        }
    }

    /// <summary>Dials the given port of the loopback instead of what was asked for: by the engine's own sockets, or by the system's as any application's dialer would (the general path).</summary>
    internal static IStreamDialer ToLoopback(int port, bool general = false) => general
        ? StreamDialer.FromFunc((_, cancellationToken) => new TcpDialer().DialStreamAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken))
        : new LoopbackDialer(port);

    /// <summary>Sets the MTU on both sides while the tunnel runs.</summary>
    internal void SetMtu(int mtu)
    {
        Application.Do(() =>
        {
            Device.SetMtu(mtu);
            return true;
        });
        Tunnel.SetMtu(mtu);
        if (mtu >= SmallestOfIPv6)
        {
            // Below it the kernel has taken IPv6 off the interface.
            Application.Ip($"address replace 2001:db8::2/64 dev {Tun} nodad");
            Application.Ip($"-6 route replace default dev {Tun}");
        }
    }

    /// <summary>Waits until no flow is left and the native memory is at most so large.</summary>
    internal async Task<TimeSpan> SettleAsync(TimeSpan limit, long bytes = long.MaxValue)
    {
        long started = Stopwatch.GetTimestamp();
        while (Statistics is var now && (now.Flows > 0 || now.Sessions > 0 || now.NativeBytes > bytes) && Stopwatch.GetElapsedTime(started) < limit)
            await Task.Delay(20);
        return Stopwatch.GetElapsedTime(started);
    }

    public async ValueTask DisposeAsync()
    {
        await Tunnel.DisposeAsync();
        Application.Dispose();
    }
}
