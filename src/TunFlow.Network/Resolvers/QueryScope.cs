using System.Net.Http;
using System.Security.Authentication;

namespace TunFlow.Network.Resolvers;

/// <summary>One query on its way: its time limit, how far it came, and what its exceptions mean.</summary>
internal sealed class QueryScope : IDisposable
{
    private readonly string _server;
    private readonly TimeSpan _timeout;
    private readonly CancellationToken _caller;
    private readonly TimeLimit _limit;
    private readonly CancellationTokenSource _either;

    public QueryScope(string server, TimeSpan timeout, TimeProvider timeProvider, CancellationToken caller)
    {
        _server = server;
        _timeout = timeout;
        _caller = caller;
        _limit = new TimeLimit(timeout, timeProvider);
        _either = CancellationTokenSource.CreateLinkedTokenSource(caller, _limit.Token);
    }

    /// <summary>Checks a time limit: more than this the timers of the platform don't take.</summary>
    public static void CheckTimeout(TimeSpan value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromMilliseconds(int.MaxValue));
    }

    public DnsStage Stage { get; set; } = DnsStage.Dial;

    /// <summary>Cancelled by the caller and at the time limit.</summary>
    public CancellationToken Token => _either.Token;

    /// <summary>What to throw for an exception: the caller's cancelling, the time limit, or a failure of the stage.</summary>
    public Exception Translate(Exception exception)
    {
        if (_caller.IsCancellationRequested)
        {
            return new OperationCanceledException(exception.Message, exception, _caller);
        }

        // Before, it is that of somebody else: of the resolver that a dialer asks for this server.
        if (Stage == DnsStage.Response && exception is DnsException)
        {
            return exception;
        }

        if (_limit.HasPassed)
        {
            return new DnsException(Stage, NetworkError.TimedOut, $"{_server} did not answer within {_timeout}.", exception);
        }

        string action = Stage switch
        {
            DnsStage.Dial => $"Connecting to {_server} failed",
            DnsStage.Send => $"Sending to {_server} failed",
            _ => $"{_server} did not answer",
        };
        return new DnsException(Stage, Classify(exception), $"{action}: {exception.Message}", exception);
    }

    /// <summary>What to throw for an answer that is not usable.</summary>
    /// <param name="problem">The end of a sentence.</param>
    public DnsException Reject(string problem) => new(DnsStage.Response, NetworkError.ProtocolViolation, $"The answer of {_server} {problem}.");

    public void Dispose()
    {
        _either.Dispose();
        _limit.Dispose();
    }

    private static NetworkError Classify(Exception exception) => exception switch
    {
        AuthenticationException => NetworkError.ProtocolViolation,
        EndOfStreamException => NetworkError.Closed,
        HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded } => NetworkError.ProtocolViolation,
        _ => NetworkErrors.Classify(exception),
    };
}
