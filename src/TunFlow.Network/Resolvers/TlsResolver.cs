using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace TunFlow.Network.Resolvers;

/// <summary>Asks a name server over TLS (DoT, RFC 7858), with a connection for each query. Queries are padded (RFC 8467).</summary>
/// <remarks>Immutable; any number of queries may run at a time, from any thread. Nothing is kept between queries, so there is nothing to dispose.</remarks>
public sealed class TlsResolver : IDnsResolver
{
    private readonly IStreamDialer _dialer;
    private readonly EndPoint _server;
    private readonly string _serverName;
    private readonly TimeSpan _timeout = TimeSpan.FromSeconds(10);
    private readonly TimeProvider _timeProvider = TimeProvider.System;

    /// <summary>Creates a resolver that connects by the system's sockets.</summary>
    /// <param name="server">The server; port 0 stands for 853.</param>
    /// <param name="serverName">The name, or address, that the server's certificate must be for; also the SNI if it is a name. By default the server's address.</param>
    /// <param name="configurator">Prepares each socket before it is connected; null for the system's own choice of the way out.</param>
    public TlsResolver(IPEndPoint server, string? serverName = null, SocketConfigurator? configurator = null)
        : this(new TcpDialer(configurator), server, serverName)
    {
    }

    /// <summary>Creates a resolver that connects by a dialer.</summary>
    /// <param name="dialer">Connects to the server.</param>
    /// <param name="server">The server; port 0 stands for 853.</param>
    /// <param name="serverName">The name, or address, that the server's certificate must be for; also the SNI if it is a name. By default the server's own.</param>
    public TlsResolver(IStreamDialer dialer, EndPoint server, string? serverName = null)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        _dialer = dialer;
        _server = ServerEndPoint.WithPort(server, ServerEndPoint.TlsPort);
        _serverName = serverName ?? server switch
        {
            IPEndPoint { Address: { IsIPv4MappedToIPv6: true } address } => address.MapToIPv4().ToString(),
            IPEndPoint address => address.Address.ToString(),
            DnsEndPoint name => name.Host,
            _ => throw new ArgumentException($"A {server.GetType().Name} needs a server name.", nameof(server)),
        };
        ArgumentException.ThrowIfNullOrEmpty(_serverName, nameof(serverName));
    }

    /// <summary>How long a query may take, connecting and handshake included; 10 seconds by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive, or is more than 24 days.</exception>
    public TimeSpan Timeout
    {
        get => _timeout;
        init
        {
            QueryScope.CheckTimeout(value);
            _timeout = value;
        }
    }

    /// <summary>How the certificate's chain is checked, for example against own roots; copied for each handshake. By default against the system's roots, and nothing is fetched from the net for it.</summary>
    /// <remarks>A new <see cref="X509ChainPolicy"/> does fetch: set <see cref="X509ChainPolicy.RevocationMode"/> to <see cref="X509RevocationMode.NoCheck"/> and <see cref="X509ChainPolicy.DisableCertificateDownloads"/> to true, or the platform connects by itself, past the dialer and its configurator.</remarks>
    public X509ChainPolicy? CertificateChainPolicy { get; init; }

    /// <summary>Has the last word on the certificate; may pin it. By default one with any flaw is rejected.</summary>
    public RemoteCertificateValidationCallback? CertificateValidation { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider
    {
        get => _timeProvider;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            _timeProvider = value;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<DnsResponse> QueryAsync(DnsQuestion question, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(question);
        cancellationToken.ThrowIfCancellationRequested();
        using QueryScope scope = new(ServerEndPoint.Describe(_server), Timeout, TimeProvider, cancellationToken);
        try
        {
            StreamConnection connection = await PatientDial.RunAsync(token => _dialer.DialStreamAsync(_server, token), scope.Token).ConfigureAwait(false);
            TlsSettings settings = new(_serverName) { ChainPolicy = CertificateChainPolicy, CertificateValidation = CertificateValidation };
            SslStream tls = await settings.ConnectAsync(connection, protocols: null, scope.Token).ConfigureAwait(false);
            await using (tls.ConfigureAwait(false))
            {
                DnsQueryMessage query = new(question, DnsQueryMessage.NewId(), paddedTo: DnsQueryMessage.EncryptedPadding);
                return await StreamExchange.RunAsync(connection, tls, query, scope).ConfigureAwait(false);
            }
        }
        catch (Exception exception)
        {
            throw scope.Translate(exception);
        }
    }
}
