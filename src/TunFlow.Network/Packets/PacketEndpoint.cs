using System.Net;

namespace TunFlow.Network;

/// <summary>Makes fixed destinations of functions and dialers.</summary>
public static class PacketEndpoint
{
    /// <summary>Makes an endpoint of a function.</summary>
    /// <param name="connect">Called for each socket, concurrently.</param>
    public static IPacketEndpoint FromFunc(Func<CancellationToken, ValueTask<IConnectedPacketConnection>> connect)
    {
        ArgumentNullException.ThrowIfNull(connect);
        return new FuncPacketEndpoint(connect);
    }

    /// <summary>Makes an endpoint that dials always the same.</summary>
    /// <param name="dialer">Dials. Not disposed by the endpoint, which has nothing to dispose.</param>
    /// <param name="remote">What is dialled; a name goes to the dialer as it is, each time.</param>
    public static IPacketEndpoint FromDialer(IPacketDialer dialer, EndPoint remote)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        ArgumentNullException.ThrowIfNull(remote);
        return new FuncPacketEndpoint(cancellationToken => dialer.DialPacketAsync(remote, cancellationToken));
    }
}
