using System.Net;
using System.Net.Sockets;
using TunFlow.Network;
using TunFlow.Network.Resolvers;

namespace TunFlow.Proxies;

/// <summary>What a server is asked for, and for what.</summary>
internal sealed class Socks5Request
{
    private readonly byte[] _message;
    private readonly byte[] _messageIPv6;

    private Socks5Request(string description, byte[] message, byte[]? messageIPv6 = null)
    {
        Description = description;
        _message = message;
        _messageIPv6 = messageIPv6 ?? message;
    }

    /// <summary>An association for whoever sends from the address that the server sees first (RFC 1928, section 4: who doesn't know yet from where its datagrams will come sends zeros). Zeros of the family that they will have: Dante looks at it.</summary>
    public static Socks5Request UdpAssociate { get; } = new(
        "an association for UDP",
        Create(Socks5Command.UdpAssociate, Socks5Address.Encode(new IPEndPoint(IPAddress.Any, 0))),
        Create(Socks5Command.UdpAssociate, Socks5Address.Encode(new IPEndPoint(IPAddress.IPv6Any, 0))));

    /// <summary>For messages of exceptions.</summary>
    public string Description { get; }

    /// <exception cref="ArgumentException"><paramref name="remote"/> can't be named in SOCKS5.</exception>
    public static Socks5Request Connect(EndPoint remote) =>
        new($"a connection to {ServerEndPoint.Describe(remote)}", Create(Socks5Command.Connect, Socks5Address.Encode(remote)));

    /// <summary>The message for a server.</summary>
    /// <param name="server">Where the server is, as far as it is known.</param>
    public ReadOnlyMemory<byte> Message(EndPoint? server) =>
        server is IPEndPoint { AddressFamily: AddressFamily.InterNetworkV6, Address.IsIPv4MappedToIPv6: false } ? _messageIPv6 : _message;

    private static byte[] Create(Socks5Command command, byte[] address) => [Socks5Protocol.Version, (byte)command, 0, .. address];
}
