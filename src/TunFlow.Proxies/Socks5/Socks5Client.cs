using System.Net;
using TunFlow.Network;
using TunFlow.Network.Resolvers;

namespace TunFlow.Proxies;

/// <summary>What streams and associations through one server have in common. Thread-safe.</summary>
internal sealed class Socks5Client(IStreamDialer dialer, EndPoint server, Socks5Credentials? credentials)
{
    /// <summary>How long a server of which nothing is known may be silent after everything was sent at once, before it is asked in the strict order too.</summary>
    public static readonly TimeSpan FallbackDelay = TimeSpan.FromSeconds(1);

    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(20);

    private volatile Socks5Pipelining _pipelining = Socks5Pipelining.Unknown;

    public IStreamDialer Dialer { get; } = dialer ?? throw new ArgumentNullException(nameof(dialer));

    public EndPoint Server { get; } = server ?? throw new ArgumentNullException(nameof(server));

    public Socks5Credentials? Credentials { get; } = credentials;

    /// <summary>For messages of exceptions.</summary>
    public string Name { get; } = ServerEndPoint.Describe(server);

    public TimeSpan Timeout
    {
        get;
        set
        {
            QueryScope.CheckTimeout(value);
            field = value;
        }
    } = DefaultTimeout;

    public TimeProvider TimeProvider
    {
        get;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = TimeProvider.System;

    public Socks5Pipelining Pipelining
    {
        get => _pipelining;
        set => _pipelining = value;
    }

    /// <summary>A server that coped so far may have been replaced.</summary>
    public void DoubtPipelining()
    {
        if (_pipelining is Socks5Pipelining.Works)
        {
            _pipelining = Socks5Pipelining.Unknown;
        }
    }

    /// <summary>Asks the server and makes something of the connection, all within <see cref="Timeout"/>.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="finish">Makes it. Owns the connection only if it succeeds.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async ValueTask<T> OpenAsync<T>(Socks5Request request, Func<Socks5Tunnel, CancellationToken, ValueTask<T>> finish, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using TimeLimit limit = new(Timeout, TimeProvider);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        Socks5Dial dial = new(this, request);
        Socks5Tunnel? tunnel = null;
        try
        {
            tunnel = await dial.RunAsync(either.Token).ConfigureAwait(false);
            return await finish(tunnel, either.Token).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            if (tunnel is not null)
            {
                await Abandoned.DisposeAsync(tunnel.Connection, abort: either.IsCancellationRequested).ConfigureAwait(false);
            }

            throw Translate(exception, tunnel is null ? dial.Stage : Socks5Stage.Relay, limit, cancellationToken);
        }
    }

    private Exception Translate(Exception exception, Socks5Stage stage, TimeLimit limit, CancellationToken caller)
    {
        if (caller.IsCancellationRequested)
        {
            return new OperationCanceledException(exception.Message, exception, caller);
        }

        // Not of a server that is dialled through another one: the other's exception is that of the way to this one.
        if (exception is Socks5Exception own && own.Stage == stage && stage != Socks5Stage.Connect)
        {
            return exception;
        }

        if (limit.HasPassed)
        {
            return new Socks5Exception(stage, NetworkError.TimedOut, $"The SOCKS5 server {Name} did not answer within {Timeout}.", exception);
        }

        string action = stage switch
        {
            Socks5Stage.Connect => $"Connecting to the SOCKS5 server {Name} failed",
            Socks5Stage.Relay => $"The UDP relay of the SOCKS5 server {Name} can't be used",
            _ => $"The SOCKS5 server {Name} could not be asked",
        };
        return new Socks5Exception(stage, NetworkErrors.Classify(exception), $"{action}: {exception.Message}", exception);
    }
}
