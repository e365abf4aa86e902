using TunFlow.Devices;
using TunFlow.Network;
using TunFlow.Policy;

namespace TunFlow.Cli;

/// <summary>Puts a device, a policy and the host's own sockets together.</summary>
internal static class Upstreams
{
    /// <summary>Starts a tunnel that owns the device, also when this fails.</summary>
    internal static Tunnel Start(LinuxTunDevice device, EndPointMap map, SocketConfigurator? configurator)
    {
        MappedStreamDialer dialer = new(new TcpDialer(configurator), map);
        MappedPacketProxy packets = new(new PacketListenerProxy(new UdpListener(configurator)), map);
        try
        {
            return Tunnel.Start(device, dialer, packets, new TunnelOptions { DisposeDevice = true });
        }
        catch
        {
            device.DisposeAsync().AsTask().GetAwaiter().GetResult();
            throw;
        }
    }
}
