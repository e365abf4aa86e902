using System.Net;
using TunFlow.Network;
using TunFlow.Network.Resolvers;

namespace TunFlow.Proxies;

/// <summary>Opens datagram sockets at a SOCKS5 server: each is an association (UDP ASSOCIATE, RFC 1928 section 7), held by a connection to the server.</summary>
/// <remarks>
/// <para>Safe from any thread; any number of sockets may be opened at a time. The handshake is that of <see cref="Socks5StreamDialer"/>.</para>
/// <para>An association ends with its connection: pending and later calls fail with <see cref="NetworkError.Closed"/>, and a new socket has to be opened.
/// Datagrams in fragments, and what is no datagram of SOCKS5, are counted and skipped. Lengths are those of the payload. A source that the server
/// gives by name is null. The server's header takes 10 or 22 bytes: the largest payload over IPv4 is 65,497 bytes to an IPv4 destination and
/// 65,485 to an IPv6 one.</para>
/// <para>A server that names its relay by an unspecified address is taken to mean its own: that of <c>server</c> if it is an address, otherwise the one
/// that the connection leads to. Over a dialer that goes through another proxy the server is given by address therefore.</para>
/// </remarks>
public sealed class Socks5PacketListener : IPacketListener
{
    private readonly Socks5Client _client;
    private readonly IPacketDialer _relayDialer;
    private readonly Socks5PacketCounters _counters = new();

    /// <summary>Creates a listener that reaches the server by the system's sockets.</summary>
    /// <param name="server">The server: an <see cref="IPEndPoint"/>, or a <see cref="DnsEndPoint"/> that the system resolves.</param>
    /// <param name="credentials">User name and password, or null for a server without authentication.</param>
    /// <param name="configurator">Prepares each socket, of TCP and of UDP, before it is connected; null for the system's own choice of the way out.</param>
    /// <exception cref="ArgumentException"><paramref name="server"/> is of another type.</exception>
    public Socks5PacketListener(EndPoint server, Socks5Credentials? credentials = null, SocketConfigurator? configurator = null)
        : this(new TcpDialer(configurator), new UdpDialer(configurator), SocketEndPoints.RequireHostAndPort(server), credentials)
    {
    }

    /// <summary>Creates a listener that reaches the server by other dialers.</summary>
    /// <param name="dialer">Connects to the server. Not owned.</param>
    /// <param name="relayDialer">Opens sockets to the server's UDP relay, at the address that the server gives. Not owned.</param>
    /// <param name="server">The server: whatever <paramref name="dialer"/> dials.</param>
    /// <param name="credentials">User name and password, or null for a server without authentication.</param>
    public Socks5PacketListener(IStreamDialer dialer, IPacketDialer relayDialer, EndPoint server, Socks5Credentials? credentials = null)
    {
        ArgumentNullException.ThrowIfNull(relayDialer);
        _client = new Socks5Client(dialer, server, credentials);
        _relayDialer = relayDialer;
    }

    /// <summary>How long opening a socket may take, connecting to the server and all of the handshake included; 20 seconds by default.</summary>
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

    /// <summary>Reads the counters.</summary>
    public Socks5PacketListenerStatistics GetStatistics() => _counters.Snapshot();

    /// <inheritdoc/>
    /// <exception cref="Socks5Exception">The association was not made; <see cref="NetworkError.NotSupported"/> for a server without UDP.</exception>
    public ValueTask<IPacketConnection> ListenPacketAsync(CancellationToken cancellationToken = default) =>
        _client.OpenAsync(Socks5Request.UdpAssociate, OpenRelayAsync, cancellationToken);

    private async ValueTask<IPacketConnection> OpenRelayAsync(Socks5Tunnel tunnel, CancellationToken cancellationToken)
    {
        EndPoint relay = FindRelay(tunnel);
        IConnectedPacketConnection socket = await PatientDial.RunAsync(token => _relayDialer.DialPacketAsync(relay, token), cancellationToken).ConfigureAwait(false);
        Socks5PacketConnection association = new(tunnel.Connection, socket, _counters);
        association.Start();
        return association;
    }

    private EndPoint FindRelay(Socks5Tunnel tunnel)
    {
        int port = tunnel.Bound switch
        {
            IPEndPoint address => address.Port,
            DnsEndPoint name => name.Port,
            _ => 0,
        };
        if (port == 0)
        {
            throw new Socks5Exception(Socks5Stage.Relay, NetworkError.ProtocolViolation, $"The SOCKS5 server {_client.Name} gave no usable address of its UDP relay.");
        }

        if (tunnel.Bound is not IPEndPoint bound || !IsUnspecified(bound.Address))
        {
            return tunnel.Bound!;
        }

        return (_client.Server as IPEndPoint ?? tunnel.Connection.RemoteEndPoint as IPEndPoint) is { } server
            ? SocketEndPoints.Unmap(new IPEndPoint(server.Address, port))
            : _client.Server is DnsEndPoint unresolved
                ? new DnsEndPoint(unresolved.Host, port, unresolved.AddressFamily)
                : throw new Socks5Exception(Socks5Stage.Relay, NetworkError.AddressNotAvailable, $"The SOCKS5 server {_client.Name} gave no address of its UDP relay, and has none of its own.");
    }

    private static bool IsUnspecified(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);
}
