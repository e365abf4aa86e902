namespace TunFlow.Network;

/// <summary>Options of <see cref="DnsInterceptPacketProxy"/>.</summary>
public sealed class DnsInterceptPacketProxyOptions
{
    /// <summary>The default of <see cref="QueryTimeout"/>: 10 seconds.</summary>
    public static readonly TimeSpan DefaultQueryTimeout = TimeSpan.FromSeconds(10);

    /// <summary>The default of <see cref="MaxPendingQueries"/>: 1,024.</summary>
    public const int DefaultMaxPendingQueries = 1024;

    /// <summary>The default of <see cref="MaxPendingQueriesPerSession"/>: 64.</summary>
    public const int DefaultMaxPendingQueriesPerSession = 64;

    private readonly TimeSpan _queryTimeout = DefaultQueryTimeout;
    private readonly int _maxPendingQueries = DefaultMaxPendingQueries;
    private readonly int _maxPendingQueriesPerSession = DefaultMaxPendingQueriesPerSession;
    private readonly TimeProvider _timeProvider = TimeProvider.System;

    /// <summary>How long a query waits for its answer, counted from its last repetition; 10 seconds by default. Also how long the default proxy may take to open a session, and how long a session without any inner session stays open.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive, or more than 30 days.</exception>
    public TimeSpan QueryTimeout
    {
        get => _queryTimeout;
        init => _queryTimeout = PacketProxyOptionsGuard.Timeout(value);
    }

    /// <summary>How many queries of all sessions may wait for their answers; each holds a session of the DNS proxy; 1,024 by default. One more fails with <see cref="NetworkError.ResourceExhausted"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive.</exception>
    public int MaxPendingQueries
    {
        get => _maxPendingQueries;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            _maxPendingQueries = value;
        }
    }

    /// <summary>How many queries of one session may wait for their answers; 64 by default. One more fails with <see cref="NetworkError.ResourceExhausted"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive.</exception>
    public int MaxPendingQueriesPerSession
    {
        get => _maxPendingQueriesPerSession;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            _maxPendingQueriesPerSession = value;
        }
    }

    /// <summary>The clock of the timeouts.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public TimeProvider TimeProvider
    {
        get => _timeProvider;
        init => _timeProvider = PacketProxyOptionsGuard.Clock(value);
    }
}
