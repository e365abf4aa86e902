using System.Net;

namespace TunFlow.Network;

/// <summary>Makes dialers of functions, and lets every dialer take addresses as text.</summary>
public static class StreamDialer
{
    /// <summary>Makes a dialer of a function.</summary>
    /// <param name="dial">Called for each connection, concurrently. It keeps <see cref="IStreamDialer"/>'s contract on errors, cancellation and ownership.</param>
    /// <returns>The dialer.</returns>
    public static IStreamDialer FromFunc(Func<EndPoint, CancellationToken, ValueTask<StreamConnection>> dial)
    {
        ArgumentNullException.ThrowIfNull(dial);
        return new FuncStreamDialer(dial);
    }

    /// <summary>Dials "host:port", "1.2.3.4:port" or "[2001:db8::1]:port".</summary>
    /// <param name="dialer">The dialer.</param>
    /// <param name="address">The text, as <see cref="EndPoints.Parse(string, TransportProtocol)"/> reads it; the port may be the name of a TCP port.</param>
    /// <param name="cancellationToken">Gives up dialling.</param>
    /// <exception cref="FormatException"><paramref name="address"/> isn't of that form. Nothing was dialled.</exception>
    public static ValueTask<StreamConnection> DialStreamAsync(this IStreamDialer dialer, string address, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        return dialer.DialStreamAsync(EndPoints.Parse(address, TransportProtocol.Tcp), cancellationToken);
    }
}
