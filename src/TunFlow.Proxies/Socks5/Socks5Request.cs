using System.Net;
using TunFlow.Network;
using TunFlow.Network.Resolvers;

namespace TunFlow.Proxies;

/// <summary>What a server is asked for, and for what.</summary>
internal sealed class Socks5Request
{
    // RFC 1928, section 4: who doesn't know yet from where its datagrams will come sends zeros.
    private static readonly byte[] s_unspecified = Socks5Address.Encode(new IPEndPoint(IPAddress.Any, 0));

    private readonly byte[] _message;

    private Socks5Request(Socks5Command command, byte[] address, string description)
    {
        _message = [Socks5Protocol.Version, (byte)command, 0, .. address];
        Description = description;
    }

    public static Socks5Request UdpAssociate { get; } = new(Socks5Command.UdpAssociate, s_unspecified, "an association for UDP");

    public ReadOnlySpan<byte> Message => _message;

    /// <summary>For messages of exceptions.</summary>
    public string Description { get; }

    /// <exception cref="ArgumentException"><paramref name="remote"/> can't be named in SOCKS5.</exception>
    public static Socks5Request Connect(EndPoint remote) =>
        new(Socks5Command.Connect, Socks5Address.Encode(remote), $"a connection to {ServerEndPoint.Describe(remote)}");
}
