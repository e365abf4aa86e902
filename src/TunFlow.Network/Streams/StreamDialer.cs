using System.Globalization;
using System.Net;

namespace TunFlow.Network;

/// <summary>Makes dialers of functions, and endpoints of texts.</summary>
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
    /// <param name="address">The text. The port is a number.</param>
    /// <param name="cancellationToken">Gives up dialling.</param>
    /// <exception cref="FormatException"><paramref name="address"/> isn't of that form.</exception>
    public static ValueTask<StreamConnection> DialStreamAsync(this IStreamDialer dialer, string address, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        return dialer.DialStreamAsync(ParseEndPoint(address), cancellationToken);
    }

    /// <summary>Reads "host:port", "1.2.3.4:port" or "[2001:db8::1]:port".</summary>
    /// <param name="address">The text. The port is a number and must be there.</param>
    /// <returns>An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>.</returns>
    /// <exception cref="FormatException"><paramref name="address"/> isn't of that form.</exception>
    public static EndPoint ParseEndPoint(string address)
    {
        ArgumentNullException.ThrowIfNull(address);
        int colon = address.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            throw new FormatException($"'{address}' is not of the form host:port.");
        }

        ReadOnlySpan<char> host = address.AsSpan(0, colon);
        bool bracketed = host is ['[', .., ']'];
        if (bracketed)
        {
            host = host[1..^1];
        }

        // Without brackets "::1:80" could be read in two ways.
        bool hasColon = host.Contains(':');
        if (bracketed == hasColon && IPAddress.TryParse(host, out IPAddress? ip))
        {
            return new IPEndPoint(ip, port);
        }

        if (bracketed || hasColon || host.IsEmpty)
        {
            throw new FormatException($"'{address}' is not of the form host:port.");
        }

        return new DnsEndPoint(host.ToString(), port);
    }
}
