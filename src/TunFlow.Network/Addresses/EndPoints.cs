using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace TunFlow.Network;

/// <summary>Reads and writes addresses of the form "host:port".</summary>
/// <remarks>
/// <para>The host is an IPv4 address in four decimal parts, an IPv6 address in brackets, with or without a zone ("[fe80::1%eth0]:53"), or a name. Names
/// have at most 253 bytes in labels of at most 63, of ASCII letters, digits, hyphens and underscores; names in other letters get their ASCII form. A
/// name's case is kept. Nothing is looked up in DNS.</para>
/// <para>The port is a number from 0 to 65535, or a name ("https", "domain") of the system's services file or of a small table of well-known ones, in
/// any case. The file is read once per process.</para>
/// </remarks>
public static partial class EndPoints
{
    /// <summary>Reads "host:port".</summary>
    /// <param name="text">The text.</param>
    /// <param name="protocol">The transport whose port names count.</param>
    /// <returns>An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>.</returns>
    /// <exception cref="FormatException">The text isn't of that form; the message says what is wrong and quotes it.</exception>
    public static EndPoint Parse(string text, TransportProtocol protocol)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Parse(text.AsSpan(), protocol);
    }

    /// <inheritdoc cref="Parse(string, TransportProtocol)"/>
    public static EndPoint Parse(ReadOnlySpan<char> text, TransportProtocol protocol) => ParseOrThrow(text, defaultPort: null, protocol);

    /// <summary>Reads "host:port" or a host alone. An IPv6 address alone needs no brackets.</summary>
    /// <param name="text">The text.</param>
    /// <param name="defaultPort">The port when the text has none.</param>
    /// <param name="protocol">The transport whose port names count.</param>
    /// <returns>An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>.</returns>
    /// <exception cref="FormatException">The text isn't of that form; the message says what is wrong and quotes it.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="defaultPort"/> isn't from 0 to 65535.</exception>
    public static EndPoint Parse(string text, int defaultPort, TransportProtocol protocol)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Parse(text.AsSpan(), defaultPort, protocol);
    }

    /// <inheritdoc cref="Parse(string, int, TransportProtocol)"/>
    public static EndPoint Parse(ReadOnlySpan<char> text, int defaultPort, TransportProtocol protocol) => ParseOrThrow(text, ToPort(defaultPort), protocol);

    /// <summary>Reads "host:port".</summary>
    /// <param name="text">The text.</param>
    /// <param name="protocol">The transport whose port names count.</param>
    /// <param name="endPoint">An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>.</param>
    /// <returns>Whether the text is of that form.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, TransportProtocol protocol, [NotNullWhen(true)] out EndPoint? endPoint) =>
        Read(text, defaultPort: null, protocol, out endPoint) is null;

    /// <summary>Reads "host:port" or a host alone. An IPv6 address alone needs no brackets.</summary>
    /// <param name="text">The text.</param>
    /// <param name="defaultPort">The port when the text has none.</param>
    /// <param name="protocol">The transport whose port names count.</param>
    /// <param name="endPoint">An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>.</param>
    /// <returns>Whether the text is of that form.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="defaultPort"/> isn't from 0 to 65535.</exception>
    public static bool TryParse(ReadOnlySpan<char> text, int defaultPort, TransportProtocol protocol, [NotNullWhen(true)] out EndPoint? endPoint) =>
        Read(text, ToPort(defaultPort), protocol, out endPoint) is null;

    /// <summary>Writes an endpoint as "host:port", the form that <see cref="Parse(string, TransportProtocol)"/> reads and that proxies expect.</summary>
    /// <param name="endPoint">An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>.</param>
    /// <exception cref="ArgumentException">The endpoint is of another type.</exception>
    public static string Format(EndPoint endPoint)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        return endPoint switch
        {
            IPEndPoint address => address.ToString(),
            DnsEndPoint name when name.Host.Contains(':') => string.Create(null, stackalloc char[64], $"[{name.Host}]:{name.Port}"),
            DnsEndPoint name => string.Create(null, stackalloc char[64], $"{name.Host}:{name.Port}"),
            _ => throw new ArgumentException($"A {endPoint.GetType().Name} has no host and port.", nameof(endPoint)),
        };
    }

    private static EndPoint ParseOrThrow(ReadOnlySpan<char> text, ushort? defaultPort, TransportProtocol protocol)
    {
        string? error = Read(text, defaultPort, protocol, out EndPoint? endPoint);
        return error is null ? endPoint! : throw new FormatException($"'{text}' is not of the form host:port: {error}");
    }

    private static ushort ToPort(int defaultPort)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(defaultPort);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(defaultPort, IPEndPoint.MaxPort);
        return (ushort)defaultPort;
    }
}
