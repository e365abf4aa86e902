using System.Net;
using TunFlow.Network;

namespace TunFlow.Proxies;

/// <summary>Dials TCP connections through a SOCKS5 server (RFC 1928), without authentication or by user name and password (RFC 1929).</summary>
/// <remarks>
/// <para>Safe from any thread; any number of connections may be dialled at a time. Names go to the server as they are, up to 255 bytes, and are resolved
/// there. A name that is an address is sent as the address; the zone of an IPv6 address isn't sent.</para>
/// <para>The connection is the one to the server itself, at the first byte after the handshake: its endpoints are those of the connection to the server.</para>
/// <para>Method, credentials and request go out in one write, which saves one or two round trips. Some servers don't cope: a handshake that fails
/// this way is repeated in the order of the RFC over another connection, and so is one without an answer after a second; the first answer counts. The
/// dialer remembers which way its server takes. In one write the credentials are sent before the server has shown that it speaks SOCKS5; with
/// <see cref="PipelinesHandshake"/> set to false they wait for that.</para>
/// <para>With credentials nothing but user name and password is offered: a server that wants none refuses.</para>
/// </remarks>
public sealed class Socks5StreamDialer : IStreamDialer
{
    private readonly Socks5Client _client;

    /// <summary>Creates a dialer that reaches the server by the system's sockets.</summary>
    /// <param name="server">The server: an <see cref="IPEndPoint"/>, or a <see cref="DnsEndPoint"/> that the system resolves.</param>
    /// <param name="credentials">User name and password, or null for a server without authentication.</param>
    /// <param name="configurator">Prepares each socket before it is connected; null for the system's own choice of the way out.</param>
    /// <exception cref="ArgumentException"><paramref name="server"/> is of another type.</exception>
    public Socks5StreamDialer(EndPoint server, Socks5Credentials? credentials = null, SocketConfigurator? configurator = null)
        : this(new TcpDialer(configurator), SocketEndPoints.RequireHostAndPort(server), credentials)
    {
    }

    /// <summary>Creates a dialer that reaches the server by another dialer.</summary>
    /// <param name="dialer">Connects to the server. Not owned.</param>
    /// <param name="server">The server: whatever <paramref name="dialer"/> dials.</param>
    /// <param name="credentials">User name and password, or null for a server without authentication.</param>
    public Socks5StreamDialer(IStreamDialer dialer, EndPoint server, Socks5Credentials? credentials = null)
    {
        _client = new Socks5Client(dialer, server, credentials);
    }

    /// <summary>How long a dial may take, connecting to the server and all of the handshake included; 20 seconds by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive, or is more than 24 days.</exception>
    public TimeSpan Timeout
    {
        get => _client.Timeout;
        init => _client.Timeout = value;
    }

    /// <summary>The clock; <see cref="TimeProvider.System"/> by default.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public TimeProvider TimeProvider
    {
        get => _client.TimeProvider;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            _client.TimeProvider = value;
        }
    }

    /// <summary>Whether everything is sent in one write; true by default, and false from the moment that the server turned out not to cope with it.</summary>
    public bool PipelinesHandshake
    {
        get => _client.Pipelining is not Socks5Pipelining.Off;
        init => _client.Pipelining = value ? Socks5Pipelining.Unknown : Socks5Pipelining.Off;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException"><paramref name="remote"/> is neither an <see cref="IPEndPoint"/> nor a <see cref="DnsEndPoint"/>, or its name has more than 255 bytes or can't be written in ASCII. Nothing was dialled.</exception>
    /// <exception cref="Socks5Exception">The connection was not made. What the server says of the destination, refused or unreachable, is in <see cref="NetworkException.Error"/> and <see cref="Socks5Exception.Reply"/>.</exception>
    public ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(remote);
        return _client.OpenAsync(Socks5Request.Connect(remote), static (tunnel, _) => ValueTask.FromResult(tunnel.Connection), cancellationToken);
    }
}
