namespace TunFlow.Network;

/// <summary>Options of <see cref="PacketListenerProxy"/>.</summary>
public sealed class PacketListenerProxyOptions
{
    /// <summary>The default of <see cref="WriteIdleTimeout"/>: 30 seconds.</summary>
    public static readonly TimeSpan DefaultWriteIdleTimeout = TimeSpan.FromSeconds(30);

    private readonly TimeSpan _writeIdleTimeout = DefaultWriteIdleTimeout;
    private readonly TimeSpan? _dnsIdleTimeout;
    private readonly TimeProvider _timeProvider = TimeProvider.System;

    /// <summary>How long a session lives after the last datagram sent through it; 30 seconds by default. Responses don't prolong it: a remote host must not be able to hold a mapping open (RFC 4787, section 4.3).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive, or more than 30 days.</exception>
    public TimeSpan WriteIdleTimeout
    {
        get => _writeIdleTimeout;
        init => _writeIdleTimeout = PacketProxyOptionsGuard.Timeout(value);
    }

    /// <summary>
    /// The timeout instead of <see cref="WriteIdleTimeout"/> of a session that so far only sent to port 53: a resolver needs its port for seconds, and uses
    /// a new one per query. 5 to 10 seconds are a good choice. Null, the default, makes no difference between sessions.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive, or more than 30 days.</exception>
    public TimeSpan? DnsIdleTimeout
    {
        get => _dnsIdleTimeout;
        init => _dnsIdleTimeout = value is { } timeout ? PacketProxyOptionsGuard.Timeout(timeout) : null;
    }

    /// <summary>Whether responses prolong a session, too. False by default, for the reason given at <see cref="WriteIdleTimeout"/>; for applications that only listen after their first datagram.</summary>
    public bool ResponsesProlong { get; init; }

    /// <summary>The clock of the timeouts.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public TimeProvider TimeProvider
    {
        get => _timeProvider;
        init => _timeProvider = PacketProxyOptionsGuard.Clock(value);
    }
}
