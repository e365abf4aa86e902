using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <content>The grammar.</content>
public static partial class EndPoints
{
    /// <summary>Whether two endpoints are the same peer: an IPv4 address and its IPv4-mapped IPv6 form are equal, and so are a zone and none. Allocates nothing.</summary>
    internal static bool AreSame(IPEndPoint one, IPEndPoint other)
    {
        if (ReferenceEquals(one, other))
        {
            return true;
        }

        if (one.Port != other.Port)
        {
            return false;
        }

        Span<byte> first = stackalloc byte[16];
        Span<byte> second = stackalloc byte[16];
        long firstZone = WriteMapped(one.Address, first);
        long secondZone = WriteMapped(other.Address, second);
        return first.SequenceEqual(second) && (firstZone == secondZone || firstZone == 0 || secondZone == 0);
    }

    private static long WriteMapped(IPAddress address, Span<byte> destination)
    {
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            address.TryWriteBytes(destination, out _);
            return address.ScopeId;
        }

        destination[..10].Clear();
        destination[10..12].Fill(0xFF);
        address.TryWriteBytes(destination[12..], out _);
        return 0;
    }

    /// <returns>What is wrong, or null.</returns>
    private static string? Read(ReadOnlySpan<char> text, ushort? defaultPort, TransportProtocol protocol, out EndPoint? endPoint)
    {
        if (protocol is not (TransportProtocol.Tcp or TransportProtocol.Udp))
        {
            throw new ArgumentOutOfRangeException(nameof(protocol), protocol, "Neither TCP nor UDP.");
        }

        endPoint = null;
        if (SplitHost(text, defaultPort is not null, out ReadOnlySpan<char> host, out bool isIPv6, out ReadOnlySpan<char> portText) is { } broken)
        {
            return broken;
        }

        ushort port = defaultPort ?? 0;
        if (!portText.IsEmpty && ReadPort(portText, protocol, out port) is { } badPort)
        {
            return badPort;
        }

        if (isIPv6)
        {
            return ReadIPv6(host, port, out endPoint);
        }

        if (TryReadIPv4(host, out IPAddress? address))
        {
            endPoint = new IPEndPoint(address, port);
            return null;
        }

        string? error = HostName.TryNormalize(host, out string name);
        endPoint = error is null ? new DnsEndPoint(name, port) : null;
        return error;
    }

    /// <summary>Parts host and port; the port is empty if there is none.</summary>
    private static string? SplitHost(ReadOnlySpan<char> text, bool hostAlone, out ReadOnlySpan<char> host, out bool isIPv6, out ReadOnlySpan<char> port)
    {
        port = default;
        isIPv6 = text.StartsWith('[');
        if (isIPv6)
        {
            int end = text.IndexOf(']');
            host = end < 0 ? default : text[1..end];
            ReadOnlySpan<char> rest = end < 0 ? default : text[(end + 1)..];
            if (end < 0 || (!rest.IsEmpty && rest[0] != ':'))
            {
                return "The bracket isn't closed before the port.";
            }

            port = rest.IsEmpty ? default : rest[1..];
            return rest.IsEmpty ? hostAlone ? null : "The port is missing." : CheckPortText(port);
        }

        int colon = text.LastIndexOf(':');
        if (colon < 0)
        {
            host = text;
            return host.IsEmpty ? "The host is missing." : hostAlone ? null : "The port is missing.";
        }

        // "::1:80" could be read in two ways; where the port may be left out, it is the address that it looks like.
        if (text.IndexOf(':') != colon)
        {
            host = text;
            isIPv6 = hostAlone;
            return hostAlone ? null : "An IPv6 address must be in brackets.";
        }

        host = text[..colon];
        port = text[(colon + 1)..];
        return host.IsEmpty ? "The host is missing." : CheckPortText(port);
    }

    private static string? CheckPortText(ReadOnlySpan<char> port) => port.IsEmpty ? "The port is missing." : null;

    private static string? ReadPort(ReadOnlySpan<char> text, TransportProtocol protocol, out ushort port)
    {
        if (!text.ContainsAnyExceptInRange('0', '9'))
        {
            return ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) ? null : $"Ports end at {IPEndPoint.MaxPort}.";
        }

        return ServiceNames.System.TryFind(text, protocol, out port)
            ? null
            : $"'{text}' is neither a number nor the name of a {(protocol == TransportProtocol.Tcp ? "TCP" : "UDP")} port.";
    }

    // The platform's reader also takes "127.1", octal and hexadecimal parts: what looks like a name to one program must not be an address to another.
    private static bool TryReadIPv4(ReadOnlySpan<char> text, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        Span<byte> bytes = stackalloc byte[4];
        int count = 0;
        foreach (Range range in text.Split('.'))
        {
            ReadOnlySpan<char> part = text[range];
            if (count == bytes.Length || part is ['0', _, ..] || !byte.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out bytes[count]))
            {
                return false;
            }

            count++;
        }

        if (count != bytes.Length)
        {
            return false;
        }

        address = new IPAddress(bytes);
        return true;
    }

    private static string? ReadIPv6(ReadOnlySpan<char> text, ushort port, out EndPoint? endPoint)
    {
        endPoint = null;
        int percent = text.IndexOf('%');
        ReadOnlySpan<char> digits = percent < 0 ? text : text[..percent];

        // The platform's reader also takes prefix lengths and brackets of its own.
        if (!digits.Contains(':') || digits.ContainsAnyExcept(s_ipv6Characters) || !IPAddress.TryParse(digits, out IPAddress? address))
        {
            return "There is no IPv6 address in the brackets.";
        }

        if (percent >= 0)
        {
            ReadOnlySpan<char> zone = text[(percent + 1)..];
            if (zone.IsEmpty || !IPAddress.TryParse(text, out address) || (address.ScopeId == 0 && zone.ContainsAnyExcept('0')))
            {
                return $"There is no interface '{zone}'.";
            }
        }

        endPoint = new IPEndPoint(address, port);
        return null;
    }

    private static readonly System.Buffers.SearchValues<char> s_ipv6Characters = System.Buffers.SearchValues.Create("0123456789abcdefABCDEF:.");
}
