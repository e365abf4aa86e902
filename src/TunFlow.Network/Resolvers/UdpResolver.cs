using System.Net;

namespace TunFlow.Network.Resolvers;

/// <summary>Asks a name server over UDP, from a new socket, and so from a new random port, for each query.</summary>
/// <remarks>
/// Datagrams that aren't an answer to the query, by their source, id, question or form, are ignored until the time limit: anybody may send them.
/// Answers of 1,232 bytes are asked for by EDNS(0) (RFC 6891); a server that doesn't understand this is asked again without.
/// Immutable; any number of queries may run at a time, from any thread. Nothing is kept between queries, so there is nothing to dispose.
/// </remarks>
public sealed class UdpResolver : IDnsResolver
{
    private readonly IPacketDialer _dialer;
    private readonly EndPoint _server;
    private readonly TimeSpan _timeout = TimeSpan.FromSeconds(5);
    private readonly TimeSpan _retransmitDelay = TimeSpan.FromSeconds(1);
    private readonly TimeProvider _timeProvider = TimeProvider.System;
    private readonly Func<TimeProvider, IDnsResolver>? _newFallback;
    private readonly IDnsResolver? _ownFallback;

    /// <summary>Creates a resolver on the system's sockets. Truncated answers are asked for again over TCP.</summary>
    /// <param name="server">The server; port 0 stands for 53.</param>
    /// <param name="configurator">Prepares each socket before it is connected; null for the system's own choice of the way out.</param>
    public UdpResolver(IPEndPoint server, SocketConfigurator? configurator = null)
        : this(new UdpDialer(configurator), server)
    {
        _newFallback = timeProvider => new TcpResolver(server, configurator) { TimeProvider = timeProvider };
        TruncationFallback = _ownFallback = _newFallback(TimeProvider.System);
    }

    /// <summary>Creates a resolver on other sockets. Truncated answers are given to the caller unless there is a <see cref="TruncationFallback"/>.</summary>
    /// <param name="dialer">Opens the sockets.</param>
    /// <param name="server">The server; port 0 stands for 53.</param>
    public UdpResolver(IPacketDialer dialer, EndPoint server)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        _dialer = dialer;
        _server = ServerEndPoint.WithPort(server, ServerEndPoint.DnsPort);
    }

    /// <summary>Who is asked again if an answer was truncated, with a time limit of its own; null for nobody.</summary>
    public IDnsResolver? TruncationFallback { get; init; }

    /// <summary>How long a query may take, without the fallback; 5 seconds by default.</summary>
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

    /// <summary>How long after the first sending the query is sent again; the time doubles with each sending. 1 second by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive, or is more than 24 days.</exception>
    public TimeSpan RetransmitDelay
    {
        get => _retransmitDelay;
        init
        {
            QueryScope.CheckTimeout(value);
            _retransmitDelay = value;
        }
    }

    /// <summary>Whether each letter of the name is sent in a random case, which the answer must repeat; false by default, as some servers don't.</summary>
    public bool RandomizeCase { get; init; }

    /// <summary>The clock, also that of the fallback over TCP that the resolver makes itself.</summary>
    public TimeProvider TimeProvider
    {
        get => _timeProvider;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            _timeProvider = value;

            // One from outside has its own clock.
            if (_newFallback is not null && TruncationFallback == _ownFallback)
            {
                TruncationFallback = _ownFallback = _newFallback(value);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<DnsResponse> QueryAsync(DnsQuestion question, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(question);
        DnsResponse response = await AskAsync(question, cancellationToken).ConfigureAwait(false);
        return response.IsTruncated && TruncationFallback is { } fallback
            ? await fallback.QueryAsync(question, cancellationToken).ConfigureAwait(false)
            : response;
    }

    private async ValueTask<DnsResponse> AskAsync(DnsQuestion question, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using QueryScope scope = new(ServerEndPoint.Describe(_server), Timeout, TimeProvider, cancellationToken);
        try
        {
            IConnectedPacketConnection connection = await PatientDial.RunAsync(token => _dialer.DialPacketAsync(_server, token), scope.Token).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                DatagramExchange exchange = new(connection, scope, TimeProvider, RetransmitDelay);
                DnsResponse response = await exchange.RunAsync(NewQuery(question, edns: true)).ConfigureAwait(false);
                return response.ResponseCode is DnsResponseCode.FormatError or DnsResponseCode.NotImplemented
                    ? await exchange.RunAsync(NewQuery(question, edns: false)).ConfigureAwait(false)
                    : response;
            }
        }
        catch (Exception exception)
        {
            throw scope.Translate(exception);
        }
    }

    private DnsQueryMessage NewQuery(DnsQuestion question, bool edns) => new(question, DnsQueryMessage.NewId(), edns, RandomizeCase);
}
