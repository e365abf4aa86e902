using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>Opens UDP sockets of the system. By default each serves IPv4 and IPv6 destinations, from any local address and a free port.</summary>
/// <remarks>Immutable; sockets may be opened from any number of threads at a time.</remarks>
/// <param name="configurator">Prepares each socket before it is bound; null for the system's own choice of the way out.</param>
public sealed class UdpListener(SocketConfigurator? configurator = null) : IPacketListener
{
    // mstcpip.h: SIO_UDP_CONNRESET. Without it one ICMP port unreachable makes later receives fail on Windows.
    private const int WindowsUdpConnectionReset = unchecked((int)0x9800000C);

    /// <summary>The local address to bind to, or null for any address and a free port. Any address, <see cref="IPAddress.IPv6Any"/> too, means both families, and <see cref="IPAddress.Any"/> IPv4 alone. Port 0 is a free one.</summary>
    public IPEndPoint? LocalEndPoint { get; init; }

    // An IPv4-mapped address can't be bound to by a socket of IPv6 alone.
    private IPEndPoint? Local => LocalEndPoint is { } local ? SocketEndPoints.Unmap(local) : null;

    /// <inheritdoc/>
    public ValueTask<IPacketConnection> ListenPacketAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Socket? socket = null;
        try
        {
            socket = CreateSocket();
            bool dualMode = socket.AddressFamily == AddressFamily.InterNetworkV6 && socket.DualMode;
            configurator?.Invoke(socket, null);
            if (OperatingSystem.IsWindows())
            {
                socket.IOControl(WindowsUdpConnectionReset, [0, 0, 0, 0], null);
            }

            bool hasErrorQueue = LinuxErrorQueue.TryEnable(socket);
            socket.Bind(FindLocal(socket.AddressFamily));
            return ValueTask.FromResult<IPacketConnection>(new SocketPacketConnection(socket, dualMode, hasErrorQueue));
        }
        catch (Exception exception)
        {
            socket?.Dispose();
            throw new NetworkException(NetworkErrors.Classify(exception), $"A UDP socket could not be opened: {exception.Message}", exception);
        }
    }

    // On a system without IPv6 any address is an IPv4 one.
    private IPEndPoint FindLocal(AddressFamily family) => Local is { } local && local.AddressFamily == family
        ? local
        : new IPEndPoint(family == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, LocalEndPoint?.Port ?? 0);

    private Socket CreateSocket()
    {
        if (Local is { } local && !local.Address.Equals(IPAddress.IPv6Any))
        {
            return new Socket(local.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        }

        if (Socket.OSSupportsIPv6)
        {
            return new Socket(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp) { DualMode = true };
        }

        return new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    }
}
