using System.Net;

namespace TunFlow.Network;

/// <summary>Makes dialers of functions, and lets every dialer take addresses as text. See <see cref="PacketListenerDialer"/> for one made of a listener.</summary>
public static class PacketDialer
{
    /// <summary>Makes a dialer of a function.</summary>
    /// <param name="dial">Called for each socket, concurrently.</param>
    public static IPacketDialer FromFunc(Func<EndPoint, CancellationToken, ValueTask<IConnectedPacketConnection>> dial)
    {
        ArgumentNullException.ThrowIfNull(dial);
        return new FuncPacketDialer(dial);
    }

    /// <summary>Dials "host:port", "1.2.3.4:port" or "[2001:db8::1]:port".</summary>
    /// <param name="dialer">The dialer.</param>
    /// <param name="address">The text, as <see cref="EndPoints.Parse(string, TransportProtocol)"/> reads it; the port may be the name of a UDP port.</param>
    /// <param name="cancellationToken">Gives up opening.</param>
    /// <exception cref="FormatException"><paramref name="address"/> isn't of that form. Nothing was opened.</exception>
    public static ValueTask<IConnectedPacketConnection> DialPacketAsync(this IPacketDialer dialer, string address, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        return dialer.DialPacketAsync(EndPoints.Parse(address, TransportProtocol.Udp), cancellationToken);
    }
}
