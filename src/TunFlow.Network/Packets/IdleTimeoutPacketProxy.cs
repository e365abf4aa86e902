namespace TunFlow.Network;

/// <summary>Ends the sessions of any packet proxy that were idle for too long: their inner sender is disposed, and later writes fail with <see cref="NetworkError.Closed"/>.</summary>
/// <remarks>
/// Safe from any thread. One timer watches all sessions and runs only while there are some; an expiry is noticed at most 1/32 of the shortest timeout late.
/// Adds nothing per datagram but a timestamp. Holds nothing that needs disposal once its sessions are over.
/// </remarks>
public sealed class IdleTimeoutPacketProxy : IPacketProxy
{
    private readonly IPacketProxy _inner;
    private readonly bool _responsesProlong;
    private readonly PacketSessionCounters _counters = new();
    private readonly IdleSweeper _sweeper;

    /// <summary>Creates a proxy.</summary>
    /// <param name="inner">Opens the sessions. Not owned.</param>
    /// <param name="options">Timeouts, or null for the defaults.</param>
    public IdleTimeoutPacketProxy(IPacketProxy inner, IdleTimeoutPacketProxyOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(inner);
        options ??= new IdleTimeoutPacketProxyOptions();
        _inner = inner;
        _responsesProlong = options.ResponsesProlong;
        _sweeper = new IdleSweeper(options.IdleTimeout, options.TimeProvider, options.DnsIdleTimeout);
    }

    /// <summary>How long a session lives after the last datagram sent through it.</summary>
    public TimeSpan IdleTimeout => _sweeper.Timeout;

    /// <summary>Reads the counters.</summary>
    public IdleTimeoutPacketProxyStatistics GetStatistics() => new()
    {
        ActiveSessions = Volatile.Read(ref _counters.ActiveSessions),
        SessionsOpened = Volatile.Read(ref _counters.SessionsOpened),
        SessionsExpired = Volatile.Read(ref _counters.SessionsExpired),
        EmptyIgnored = Volatile.Read(ref _counters.EmptyIgnored),
        DisposeErrors = Volatile.Read(ref _counters.DisposeErrors),
    };

    /// <inheritdoc/>
    public async ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        cancellationToken.ThrowIfCancellationRequested();
        IdleTimeoutSession session = new(receiver, _sweeper, _counters, _responsesProlong);
        IdleTimeoutReceiver inner = receiver is IPacketErrorReceiver errorReceiver
            ? new IdleTimeoutErrorReceiver(session, errorReceiver)
            : new IdleTimeoutReceiver(session, receiver);
        try
        {
            IPacketRequestSender sender = await _inner.NewSessionAsync(inner, cancellationToken).ConfigureAwait(false)
                ?? throw new InvalidOperationException("The packet proxy returned no sender.");
            session.Start(sender, inner);
            return session;
        }
        catch
        {
            inner.Detach();
            throw;
        }
    }
}
