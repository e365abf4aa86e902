using System.Net;
using System.Net.Http;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace TunFlow.Network.Resolvers;

/// <summary>Asks a name server over HTTPS (DoH, RFC 8484): POST requests over HTTP/2, or HTTP/1.1 where that is all there is. Queries have id 0 and are padded (RFC 8467).</summary>
/// <remarks>
/// <para>Safe from any thread, any number of queries at a time. Connections are kept for later queries; dispose of the resolver to close them. A query whose connection breaks is sent once more. Disposing ends pending queries with <see cref="ObjectDisposedException"/>.
/// A query that times out ends the connections on which nothing was heard since it was sent.</para>
/// <para>How the server itself is found: an address that is given is dialled, and nobody is asked for the URI's host, which is then only what the certificate
/// must be for. Without one, the dialer gets the URI's host as a <see cref="DnsEndPoint"/>. <see cref="TcpDialer"/> asks the system's resolver for it, past every configurator,
/// which in a VPN client may lead into its own tunnel; <see cref="HappyEyeballsStreamDialer"/> asks who it was told to ask, or uses a list of addresses that its lookup gives.</para>
/// </remarks>
public sealed class HttpsResolver : IDnsResolver, IDisposable
{
    private readonly Uri _uri;
    private readonly IStreamDialer _dialer;
    private readonly EndPoint _server;
    private readonly Lazy<HttpExchange> _exchange;
    private readonly TimeSpan _timeout = TimeSpan.FromSeconds(20);
    private readonly TimeSpan _connectTimeout = TimeSpan.FromSeconds(10);
    private readonly TimeProvider _timeProvider = TimeProvider.System;

    /// <summary>Creates a resolver that connects by the system's sockets.</summary>
    /// <param name="uri">Where to post queries to, for example <c>https://dns.example/dns-query</c>, also written as a template with <c>{?dns}</c> at the end. Its host is the name that the server's certificate must be for.</param>
    /// <param name="server">The server's address, so that its name needs no resolver; port 0 stands for the URI's.</param>
    /// <param name="configurator">Prepares each socket before it is connected; null for the system's own choice of the way out.</param>
    /// <exception cref="ArgumentException"><paramref name="uri"/> is not an absolute https URI.</exception>
    public HttpsResolver(Uri uri, IPEndPoint server, SocketConfigurator? configurator = null)
        : this(uri, new TcpDialer(configurator), NotNull(server))
    {
    }

    /// <summary>Creates a resolver that connects by a dialer.</summary>
    /// <param name="uri">Where to post queries to, for example <c>https://dns.example/dns-query</c>, also written as a template with <c>{?dns}</c> at the end. Its host is the name that the server's certificate must be for.</param>
    /// <param name="dialer">Connects to the server.</param>
    /// <param name="server">What to dial, where port 0 stands for the URI's; by default the URI's host, which the dialer then has to resolve: with <see cref="TcpDialer"/> by the system.</param>
    /// <exception cref="ArgumentException"><paramref name="uri"/> is not an absolute https URI.</exception>
    public HttpsResolver(Uri uri, IStreamDialer dialer, EndPoint? server = null)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(dialer);
        if (!uri.IsAbsoluteUri || uri.Scheme != Uri.UriSchemeHttps)
        {
            throw new ArgumentException($"'{uri}' is not an absolute https URI.", nameof(uri));
        }

        _uri = uri = WithoutVariable(uri);
        _dialer = dialer;
        _server = ServerEndPoint.WithPort(
            server ?? (IPAddress.TryParse(uri.DnsSafeHost, out IPAddress? address) ? new IPEndPoint(address, uri.Port) : new DnsEndPoint(uri.IdnHost, uri.Port)),
            uri.Port);
        _exchange = new Lazy<HttpExchange>(CreateExchange);
    }

    /// <summary>How long a query may take, connecting included; 20 seconds by default.</summary>
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

    /// <summary>How long connecting may take, the handshake included; 10 seconds by default. A query that gives up earlier leaves the connection to later ones.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive, or is more than 24 days.</exception>
    public TimeSpan ConnectTimeout
    {
        get => _connectTimeout;
        init
        {
            QueryScope.CheckTimeout(value);
            _connectTimeout = value;
        }
    }

    /// <summary>How the certificate's chain is checked, for example against own roots; copied for each handshake. By default against the system's roots, and nothing is fetched from the net for it.</summary>
    /// <remarks>A new <see cref="X509ChainPolicy"/> does fetch: set <see cref="X509ChainPolicy.RevocationMode"/> to <see cref="X509RevocationMode.NoCheck"/> and <see cref="X509ChainPolicy.DisableCertificateDownloads"/> to true, or the platform connects by itself, past the dialer and its configurator.</remarks>
    public X509ChainPolicy? CertificateChainPolicy { get; init; }

    /// <summary>Has the last word on the certificate; may pin it. By default one with any flaw is rejected.</summary>
    public RemoteCertificateValidationCallback? CertificateValidation { get; init; }

    /// <summary>The clock of the time limits.</summary>
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
    /// <exception cref="ObjectDisposedException">The resolver was disposed, before or during the call.</exception>
    public ValueTask<DnsResponse> QueryAsync(DnsQuestion question, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(question);
        return _exchange.Value.RunAsync(question, cancellationToken);
    }

    /// <summary>Ends pending queries and closes the connections. Idempotent.</summary>
    public void Dispose() => _exchange.Value.Dispose();

    private HttpExchange CreateExchange()
    {
        TlsSettings tls = new(_uri.IdnHost) { ChainPolicy = CertificateChainPolicy, CertificateValidation = CertificateValidation };
        CancellationTokenSource disposal = new();
        HttpConnector connector = new(_dialer, _server, tls, ConnectTimeout, TimeProvider) { Disposed = disposal.Token };
        return new HttpExchange(_uri, ServerEndPoint.Describe(_server), connector, disposal, Timeout, TimeProvider);
    }

    // RFC 8484 section 4.1: a POST goes to what the template gives without any variables.
    private static Uri WithoutVariable(Uri uri)
    {
        string text = uri.OriginalString;
        return text.EndsWith("{?dns}", StringComparison.Ordinal) || text.EndsWith("{&dns}", StringComparison.Ordinal) ? new Uri(text[..^6]) : uri;
    }

    private static IPEndPoint NotNull(IPEndPoint server)
    {
        ArgumentNullException.ThrowIfNull(server);
        return server;
    }
}
