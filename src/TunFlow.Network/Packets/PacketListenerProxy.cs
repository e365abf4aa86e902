namespace TunFlow.Network;

/// <summary>Makes packet sessions of any <see cref="IPacketListener"/>: one socket per session, closed when nothing was sent through it for a while.</summary>
/// <remarks>
/// <para>Safe from any thread. One timer watches all sessions and runs only while there are some; an expiry is noticed at most 1/32 of the shortest
/// timeout late. A datagram that meets the expiry is sent, and the session lives on, or it fails with <see cref="NetworkError.Closed"/>, and nothing was
/// sent. Holds nothing that needs disposal once its sessions are over.</para>
/// <para>A datagram that can't be received, is cut, or has no IP source is counted and dropped; it never ends the session. IPv4 sources reach the receiver
/// in the form, plain or IPv4-mapped, in which the session last wrote an IPv4 destination. A socket that says that it is closed ends the session.</para>
/// </remarks>
public sealed class PacketListenerProxy : IPacketProxy
{
    private readonly IPacketListener _listener;
    private readonly bool _responsesProlong;
    private readonly PacketListenerCounters _counters = new();
    private readonly IdleSweeper _sweeper;

    /// <summary>Creates a proxy.</summary>
    /// <param name="listener">Opens the sockets. Not owned.</param>
    /// <param name="options">Timeouts, or null for the defaults.</param>
    public PacketListenerProxy(IPacketListener listener, PacketListenerProxyOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(listener);
        options ??= new PacketListenerProxyOptions();
        _listener = listener;
        _responsesProlong = options.ResponsesProlong;
        _sweeper = new IdleSweeper(options.WriteIdleTimeout, options.TimeProvider, options.DnsIdleTimeout);
    }

    /// <summary>How long a session lives after the last datagram sent through it.</summary>
    public TimeSpan WriteIdleTimeout => _sweeper.Timeout;

    /// <summary>Reads the counters.</summary>
    public PacketListenerProxyStatistics GetStatistics() => _counters.Snapshot();

    /// <inheritdoc/>
    public async ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        cancellationToken.ThrowIfCancellationRequested();
        IPacketConnection connection = await _listener.ListenPacketAsync(cancellationToken).ConfigureAwait(false)
            ?? throw new InvalidOperationException("The packet listener returned no socket.");
        PacketListenerSession session = new(connection, receiver, _sweeper, _counters, _responsesProlong);
        session.Start();
        return session;
    }
}
