namespace TunFlow.Network;

/// <summary>Options of <see cref="IdleTimeoutPacketProxy"/>.</summary>
public sealed class IdleTimeoutPacketProxyOptions
{
    /// <summary>The default of <see cref="IdleTimeout"/>: 30 seconds.</summary>
    public static readonly TimeSpan DefaultIdleTimeout = TimeSpan.FromSeconds(30);

    private readonly TimeSpan _idleTimeout = DefaultIdleTimeout;
    private readonly TimeSpan? _dnsIdleTimeout;
    private readonly TimeProvider _timeProvider = TimeProvider.System;

    /// <summary>How long a session lives after the last datagram sent through it; 30 seconds by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive, or more than 30 days.</exception>
    public TimeSpan IdleTimeout
    {
        get => _idleTimeout;
        init => _idleTimeout = PacketProxyOptionsGuard.Timeout(value);
    }

    /// <summary>The timeout instead of <see cref="IdleTimeout"/> of a session that so far only sent to port 53. Null, the default, makes no difference between sessions.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive, or more than 30 days.</exception>
    public TimeSpan? DnsIdleTimeout
    {
        get => _dnsIdleTimeout;
        init => _dnsIdleTimeout = value is { } timeout ? PacketProxyOptionsGuard.Timeout(timeout) : null;
    }

    /// <summary>Whether responses prolong a session, too. False by default: a remote host must not be able to hold a mapping open (RFC 4787, section 4.3).</summary>
    public bool ResponsesProlong { get; init; }

    /// <summary>The clock of the timeouts.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public TimeProvider TimeProvider
    {
        get => _timeProvider;
        init => _timeProvider = PacketProxyOptionsGuard.Clock(value);
    }
}
