using System.Net;

namespace TunFlow.Network.Resolvers;

/// <summary>Asks a name server over TCP (RFC 7766), with a connection for each query.</summary>
/// <remarks>A server that doesn't understand EDNS(0) (RFC 6891) is asked again without, by another connection and within the same time limit. Immutable; any number of queries may run at a time, from any thread. Nothing is kept between queries, so there is nothing to dispose.</remarks>
public sealed class TcpResolver : IDnsResolver
{
    private readonly Func<CancellationToken, ValueTask<StreamConnection>> _connect;
    private readonly string _server;
    private readonly TimeSpan _timeout = TimeSpan.FromSeconds(10);
    private readonly TimeProvider _timeProvider = TimeProvider.System;

    /// <summary>Creates a resolver that connects by the system's sockets.</summary>
    /// <param name="server">The server; port 0 stands for 53.</param>
    /// <param name="configurator">Prepares each socket before it is connected; null for the system's own choice of the way out.</param>
    public TcpResolver(IPEndPoint server, SocketConfigurator? configurator = null)
        : this(new TcpDialer(configurator), server)
    {
    }

    /// <summary>Creates a resolver that connects by a dialer.</summary>
    /// <param name="dialer">Connects to the server.</param>
    /// <param name="server">The server; port 0 stands for 53.</param>
    public TcpResolver(IStreamDialer dialer, EndPoint server)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        EndPoint remote = ServerEndPoint.WithPort(server, ServerEndPoint.DnsPort);
        _connect = cancellationToken => dialer.DialStreamAsync(remote, cancellationToken);
        _server = ServerEndPoint.Describe(remote);
    }

    /// <summary>Creates a resolver of a server that is always reached in the same way.</summary>
    /// <param name="server">The server.</param>
    public TcpResolver(IStreamEndpoint server)
    {
        ArgumentNullException.ThrowIfNull(server);
        _connect = server.ConnectStreamAsync;
        _server = "The DNS server";
    }

    /// <summary>How long a query may take, connecting included; 10 seconds by default.</summary>
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
        using QueryScope scope = new(_server, Timeout, TimeProvider, cancellationToken);
        try
        {
            DnsResponse response = await AskAsync(question, edns: true, scope).ConfigureAwait(false);
            return response.ResponseCode is DnsResponseCode.FormatError or DnsResponseCode.NotImplemented
                ? await AskAsync(question, edns: false, scope).ConfigureAwait(false)
                : response;
        }
        catch (Exception exception)
        {
            throw scope.Translate(exception);
        }
    }

    private async ValueTask<DnsResponse> AskAsync(DnsQuestion question, bool edns, QueryScope scope)
    {
        scope.Stage = DnsStage.Dial;
        StreamConnection connection = await PatientDial.RunAsync(_connect, scope.Token).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            return await StreamExchange.RunAsync(connection, connection, new DnsQueryMessage(question, DnsQueryMessage.NewId(), edns), scope).ConfigureAwait(false);
        }
    }
}
