namespace TunFlow.Network;

/// <summary>
/// For upstreams without UDP: answers every DNS query on the spot with an empty answer that is marked as truncated, so that the resolver asks again over
/// TCP (RFC 1035, section 4.2.1; RFC 7766, section 5). Nothing leaves the machine; all other UDP is refused.
/// </summary>
/// <remarks>
/// <para>The answer is the query with QR and TC set, RCODE cleared and ANCOUNT made equal to QDCOUNT; every other byte is echoed. (There is no answer
/// section; some resolvers ask again over TCP only if the count says that there is one.) Queries of any length a datagram can have are answered whole.</para>
/// <para>What a send is checked for, in this order: closed; a port other than 53 (<see cref="NetworkError.PortUnreachable"/>, which a network stack
/// turns into ICMP); fewer than 12 bytes, or a response instead of a query (<see cref="NetworkError.ProtocolViolation"/>). Responses aren't answered:
/// two parties that answer each other's answers would never stop. None of these errors ends the session.</para>
/// <para>The answer is delivered before the send completes, and what the receiver throws is the sender's error. Safe from any thread; nothing is allocated
/// per query. One timer watches all sessions and runs only while there are some. Holds nothing that needs disposal once its sessions are over.</para>
/// </remarks>
public sealed class DnsTruncatePacketProxy : IPacketProxy
{
    private readonly DnsTruncateCounters _counters = new();
    private readonly IdleSweeper _sweeper;

    /// <summary>Creates a proxy.</summary>
    /// <param name="options">The timeout, or null for the default.</param>
    public DnsTruncatePacketProxy(DnsTruncatePacketProxyOptions? options = null)
    {
        options ??= new DnsTruncatePacketProxyOptions();
        _sweeper = new IdleSweeper(options.IdleTimeout, options.TimeProvider);
    }

    /// <summary>How long a session lives after its last query.</summary>
    public TimeSpan IdleTimeout => _sweeper.Timeout;

    /// <summary>Reads the counters.</summary>
    public DnsTruncatePacketProxyStatistics GetStatistics() => _counters.Snapshot();

    /// <inheritdoc/>
    public ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<IPacketRequestSender>(cancellationToken);
        }

        DnsTruncateSession session = new(receiver, _sweeper, _counters);
        session.Start();
        return ValueTask.FromResult<IPacketRequestSender>(session);
    }
}
