using System.Globalization;
using System.Net;
using System.Net.Sockets;
using TunFlow.Devices.Linux;

namespace TunFlow.Cli.Arguments;

/// <summary>
/// Reads the values of options, strictly: what the framework's parsers accept beyond the usual notations is refused.
/// </summary>
internal static class ArgumentValues
{
    internal const int MinMtu = 576;
    internal const int MaxMtu = 65_535;

    internal static int Mtu(string option, string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int mtu) && mtu is >= MinMtu and <= MaxMtu
            ? mtu
            : throw CliException.Usage($"{option}: '{text}' is not a number from {MinMtu} to {MaxMtu}");

    /// <summary>The direct proxy is the only one; its text is not repeated, because proxy URLs hold passwords.</summary>
    internal static void Proxy(string option, string text)
    {
        if (text is "direct://")
            return;
        if (text.StartsWith("direct://", StringComparison.Ordinal))
            throw CliException.Usage($"{option}: direct:// has no host");
        int end = text.IndexOf("://", StringComparison.Ordinal);
        bool named = end > 0 && text[..end].All(static c => char.IsAsciiLetterOrDigit(c) || c is '+' or '-' or '.');
        throw CliException.Usage(named
            ? $"{option}: {text[..end]}:// is not supported; direct:// is"
            : $"{option}: not a proxy URL; direct:// is supported");
    }

    internal static string InterfaceName(string option, string text) =>
        TunOpening.IsValidName(text) ? text : throw CliException.Usage($"{option}: '{text}' is not an interface name of 1 to 15 bytes");

    /// <summary>ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT.</summary>
    internal static IPEndPoint Resolver(string option, string text)
    {
        if (TryParseAddress(text, out IPAddress? address))
            return new IPEndPoint(address, 53);
        int colon = text.LastIndexOf(':');
        if (colon > 0
            && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port)
            && port != 0
            && TryParseHost(text[..colon], out address))
        {
            return new IPEndPoint(address, port);
        }

        throw CliException.Usage($"{option}: '{text}' is not an IPv4 or IPv6 address");
    }

    internal static InterfaceAddress Address(string option, string text)
    {
        (IPAddress address, int length) = Cidr(option, text);
        return new InterfaceAddress(address, length);
    }

    internal static IPNetwork Route(string option, string text)
    {
        (IPAddress address, int length) = Cidr(option, text);
        IPAddress network = NetworkOf(address, length);
        return network.Equals(address)
            ? new IPNetwork(address, length)
            : throw CliException.Usage($"{option}: '{text}' has bits behind its prefix; the network is {network}/{length}");
    }

    private static (IPAddress Address, int Length) Cidr(string option, string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash > 0
            && TryParseAddress(text[..slash], out IPAddress? address)
            && int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int length)
            && length <= (address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128))
        {
            return (address, length);
        }

        throw CliException.Usage($"{option}: '{text}' is not an address and a prefix length, like 192.0.2.1/24 or 2001:db8::1/64");
    }

    private static bool TryParseHost(string text, out IPAddress address)
    {
        bool bracketed = text.StartsWith('[') && text.EndsWith(']');
        return TryParseAddress(bracketed ? text[1..^1] : text, out address)
            && bracketed == (address.AddressFamily == AddressFamily.InterNetworkV6);
    }

    private static bool TryParseAddress(string text, out IPAddress address)
    {
        address = IPAddress.None;
        // IPAddress takes "1", "0x7f.1" and octal numbers for IPv4, and brackets and ports for IPv6.
        bool plain = text.Contains(':', StringComparison.Ordinal)
            ? !text.StartsWith('[') && !text.Contains('/', StringComparison.Ordinal)
            : text.Count(static c => c == '.') == 3;
        if (!plain || !IPAddress.TryParse(text, out IPAddress? parsed))
            return false;
        if (parsed.AddressFamily == AddressFamily.InterNetwork && parsed.ToString() != text)
            return false;
        address = parsed;
        return true;
    }

    private static IPAddress NetworkOf(IPAddress address, int length)
    {
        byte[] bytes = address.GetAddressBytes();
        for (int i = 0; i < bytes.Length; i++)
        {
            int bits = Math.Clamp(length - (8 * i), 0, 8);
            bytes[i] &= (byte)(0xff00 >> bits);
        }

        return new IPAddress(bytes);
    }
}
