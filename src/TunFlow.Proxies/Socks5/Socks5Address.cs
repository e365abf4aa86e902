using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using TunFlow.Network;

namespace TunFlow.Proxies;

/// <summary>Writes and reads addresses: type, address, port (RFC 1928, section 5).</summary>
internal static class Socks5Address
{
    /// <summary>The longest that <see cref="Write"/> writes.</summary>
    public const int MaxIPLength = 1 + Socks5Protocol.IPv6Length + Socks5Protocol.PortLength;

    /// <summary>Writes what a stream or a request goes to.</summary>
    /// <exception cref="ArgumentException">A name has no form of 1 to 255 bytes, or <paramref name="remote"/> is neither an address nor a name.</exception>
    public static byte[] Encode(EndPoint remote)
    {
        IPEndPoint? address = SocketEndPoints.RequireHostAndPort(remote) as IPEndPoint;
        if (remote is DnsEndPoint { Host: var host, Port: var port })
        {
            if (!IsLiteral(host, out IPAddress? literal))
            {
                return EncodeName(host, port, nameof(remote));
            }

            // Servers differ in whether they take an address for a name.
            address = new IPEndPoint(literal!, port);
        }

        byte[] buffer = new byte[MaxIPLength];
        return buffer[..Write(buffer, address!)];
    }

    /// <summary>Writes an address, an IPv4-mapped one as IPv4. Zones aren't written: they mean something on this machine only.</summary>
    /// <param name="buffer">At least <see cref="MaxIPLength"/>.</param>
    /// <param name="endPoint">The address.</param>
    /// <returns>How many bytes were written.</returns>
    public static int Write(Span<byte> buffer, IPEndPoint endPoint)
    {
        IPAddress address = endPoint.Address;
        int length;
        if (address.AddressFamily == AddressFamily.InterNetworkV6 && address.IsIPv4MappedToIPv6)
        {
            Span<byte> mapped = stackalloc byte[Socks5Protocol.IPv6Length];
            _ = address.TryWriteBytes(mapped, out _);
            mapped[^Socks5Protocol.IPv4Length..].CopyTo(buffer[1..]);
            length = Socks5Protocol.IPv4Length;
        }
        else
        {
            _ = address.TryWriteBytes(buffer[1..], out length);
        }

        buffer[0] = length == Socks5Protocol.IPv4Length ? Socks5Protocol.IPv4 : Socks5Protocol.IPv6;
        BinaryPrimitives.WriteUInt16BigEndian(buffer[(1 + length)..], (ushort)endPoint.Port);
        return 1 + length + Socks5Protocol.PortLength;
    }

    /// <summary>Tells how long an address is.</summary>
    /// <param name="start">Its first two bytes.</param>
    /// <returns>Its length with type and port, in bytes, or 0 if there is no such type.</returns>
    public static int Length(ReadOnlySpan<byte> start) => start[0] switch
    {
        Socks5Protocol.IPv4 => 1 + Socks5Protocol.IPv4Length + Socks5Protocol.PortLength,
        Socks5Protocol.IPv6 => 1 + Socks5Protocol.IPv6Length + Socks5Protocol.PortLength,
        Socks5Protocol.Name => 1 + 1 + start[1] + Socks5Protocol.PortLength,
        _ => 0,
    };

    /// <summary>Reads an address that is whole.</summary>
    /// <returns>The endpoint, or null for a name that is none.</returns>
    public static EndPoint? Decode(ReadOnlySpan<byte> address)
    {
        int port = BinaryPrimitives.ReadUInt16BigEndian(address[^Socks5Protocol.PortLength..]);
        if (address[0] != Socks5Protocol.Name)
        {
            return SocketEndPoints.Unmap(new IPEndPoint(new IPAddress(address[1..^Socks5Protocol.PortLength]), port));
        }

        ReadOnlySpan<byte> name = address[2..^Socks5Protocol.PortLength];
        if (name.IsEmpty || !Ascii.IsValid(name))
        {
            return null;
        }

        string host = Encoding.ASCII.GetString(name);
        return IsLiteral(host, out IPAddress? literal) ? SocketEndPoints.Unmap(new IPEndPoint(literal!, port))
            : HostName.TryNormalize(host, out _) is null ? new DnsEndPoint(host, port)
            : null;
    }

    private static byte[] EncodeName(string host, int port, string parameter)
    {
        if (!Ascii.IsValid(host))
        {
            // The server resolves it as it is: DNS has no other letters.
            host = HostName.TryNormalize(host, out string ascii) is { } problem ? throw new ArgumentException(problem, parameter) : ascii;
        }

        if (host.Length > byte.MaxValue)
        {
            throw new ArgumentException($"A name has at most {byte.MaxValue} bytes in SOCKS5.", parameter);
        }

        byte[] address = new byte[1 + 1 + host.Length + Socks5Protocol.PortLength];
        address[0] = Socks5Protocol.Name;
        address[1] = (byte)host.Length;
        Encoding.ASCII.GetBytes(host, address.AsSpan(2));
        BinaryPrimitives.WriteUInt16BigEndian(address.AsSpan(2 + host.Length), (ushort)port);
        return address;
    }

    // Not "1" or "0x7f.1", which are addresses to the parser, and names to others.
    private static bool IsLiteral(string host, out IPAddress? address) =>
        IPAddress.TryParse(host, out address) && (address.AddressFamily == AddressFamily.InterNetworkV6 || address.ToString() == host);
}
