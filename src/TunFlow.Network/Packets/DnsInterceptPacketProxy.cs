using System.Net;

namespace TunFlow.Network;

/// <summary>
/// Sends what an application asks one resolver to another one: queries to the local resolver's address go to the remote resolver through a proxy for
/// DNS, their answers come back as if the local resolver had sent them. All other datagrams go through a default proxy, unchanged.
/// </summary>
/// <remarks>
/// <para>Each query gets a session of the DNS proxy of its own, and so a source port of its own: unpredictable ports are the better half of what a
/// resolver has against forged answers (RFC 5452, section 9.2). It ends with the first datagram that comes from the remote resolver and carries the
/// query's ID and question; everything else is dropped and counted. A repetition of a query that waits for its answer goes out through the same session:
/// several open ports for one question would make guessing easier (RFC 5452, section 5).</para>
/// <para>The session of the default proxy is opened with the first datagram for it; concurrent senders wait for the one that opens. A failure to open
/// is the error of those who wait, and the next datagram tries again; so is one that takes longer than the query timeout (<see cref="NetworkError.TimedOut"/>). One that ended is replaced when the next datagram finds it closed.</para>
/// <para>A session ends when the last of its inner sessions ended. Before there was one, or after opening failed, it ends when it is idle for the query
/// timeout. Disposing it disposes all inner sessions and wakes whoever waits for one.</para>
/// <para>Errors of a send beside those of the inner sessions: <see cref="NetworkError.ProtocolViolation"/> for a datagram to the local resolver that is no
/// DNS query, <see cref="NetworkError.ResourceExhausted"/> beyond the limits of pending queries. None of them ends the session. What the receiver is told
/// of unreachable destinations names the local resolver for the remote one. Safe from any thread. Two timers watch all queries and sessions, and run
/// only while there are some. Holds nothing that needs disposal once its sessions are over.</para>
/// </remarks>
public sealed class DnsInterceptPacketProxy : IPacketProxy
{
    private readonly IPEndPoint _localResolver;
    private readonly IPEndPoint _remoteResolver;
    private readonly int _maxPendingQueries;
    private readonly IdleSweeper _sessionSweeper;

    /// <summary>Creates a proxy.</summary>
    /// <param name="dnsProxy">Opens the sessions of intercepted queries. Not owned.</param>
    /// <param name="defaultProxy">Opens the sessions of everything else. Not owned.</param>
    /// <param name="localResolver">Whom the applications ask. An IPv4 address and its IPv4-mapped IPv6 form are the same.</param>
    /// <param name="remoteResolver">Who is asked instead.</param>
    /// <param name="options">Timeout and limits, or null for the defaults.</param>
    /// <exception cref="ArgumentException">The address of a resolver is unspecified, or its port is zero.</exception>
    public DnsInterceptPacketProxy(
        IPacketProxy dnsProxy,
        IPacketProxy defaultProxy,
        IPEndPoint localResolver,
        IPEndPoint remoteResolver,
        DnsInterceptPacketProxyOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(dnsProxy);
        ArgumentNullException.ThrowIfNull(defaultProxy);
        ThrowIfNotAnAddress(localResolver);
        ThrowIfNotAnAddress(remoteResolver);
        options ??= new DnsInterceptPacketProxyOptions();
        DnsProxy = dnsProxy;
        DefaultProxy = defaultProxy;
        _localResolver = SocketEndPoints.Unmap(localResolver);
        _remoteResolver = SocketEndPoints.Unmap(remoteResolver);
        RemoteResolver = remoteResolver;
        _maxPendingQueries = options.MaxPendingQueries;
        MaxPendingQueriesPerSession = options.MaxPendingQueriesPerSession;
        QuerySweeper = new IdleSweeper(options.QueryTimeout, options.TimeProvider);
        _sessionSweeper = new IdleSweeper(options.QueryTimeout, options.TimeProvider);
    }

    internal IPacketProxy DnsProxy { get; }

    internal IPacketProxy DefaultProxy { get; }

    internal IPEndPoint RemoteResolver { get; }

    internal int MaxPendingQueriesPerSession { get; }

    internal IdleSweeper QuerySweeper { get; }

    internal DnsInterceptCounters Counters { get; } = new();

    /// <summary>Reads the counters.</summary>
    public DnsInterceptPacketProxyStatistics GetStatistics() => Counters.Snapshot();

    /// <inheritdoc/>
    public ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<IPacketRequestSender>(cancellationToken);
        }

        DnsInterceptSession session = new(this, receiver, _sessionSweeper);
        session.Start();
        return ValueTask.FromResult<IPacketRequestSender>(session);
    }

    internal bool IsLocalResolver(IPEndPoint endPoint) => AreEqual(_localResolver, endPoint);

    internal bool IsRemoteResolver(IPEndPoint endPoint) => AreEqual(_remoteResolver, endPoint);

    internal bool TryTakePlace()
    {
        if (Interlocked.Increment(ref Counters.PendingQueries) <= _maxPendingQueries)
        {
            return true;
        }

        LeavePlace();
        return false;
    }

    internal void LeavePlace() => Interlocked.Decrement(ref Counters.PendingQueries);

    private static bool AreEqual(IPEndPoint plain, IPEndPoint endPoint) =>
        plain.Port == endPoint.Port
        && (plain.Address.Equals(endPoint.Address) || (endPoint.Address.IsIPv4MappedToIPv6 && plain.Address.Equals(endPoint.Address.MapToIPv4())));

    private static void ThrowIfNotAnAddress(
        IPEndPoint endPoint,
        [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(endPoint))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(endPoint, name);
        IPAddress address = SocketEndPoints.Unmap(endPoint).Address;
        if (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
        {
            throw new ArgumentException("An unspecified address is no resolver's.", name);
        }

        if (endPoint.Port == 0)
        {
            throw new ArgumentException("Port 0 is no resolver's.", name);
        }
    }
}
