using System.Net;

namespace TunFlow.Proxies;

/// <summary>The header of relayed datagrams (RFC 1928, section 7): two reserved bytes, the number of the fragment, an address.</summary>
internal static class Socks5Datagram
{
    /// <summary>What is before the address.</summary>
    public const int Prefix = 3;

    /// <summary>The longest header that <see cref="WriteHeader"/> writes.</summary>
    public const int MaxHeader = Prefix + Socks5Address.MaxIPLength;

    // Type, and the first byte of the address.
    private const int Shortest = Prefix + 2;

    public static int WriteHeader(Span<byte> buffer, IPEndPoint destination)
    {
        buffer[..Prefix].Clear();
        return Prefix + Socks5Address.Write(buffer[Prefix..], destination);
    }

    /// <summary>Finds the payload.</summary>
    /// <param name="datagram">The datagram.</param>
    /// <param name="header">The length of the header, in bytes.</param>
    public static Socks5DatagramKind Read(ReadOnlySpan<byte> datagram, out int header)
    {
        header = 0;
        if (datagram.Length < Shortest || (datagram[0] | datagram[1]) != 0)
        {
            return Socks5DatagramKind.Malformed;
        }

        if (datagram[2] != 0)
        {
            return Socks5DatagramKind.Fragment;
        }

        int length = Socks5Address.Length(datagram[Prefix..]);
        header = Prefix + length;
        return length > 0 && header <= datagram.Length ? Socks5DatagramKind.Whole : Socks5DatagramKind.Malformed;
    }
}
