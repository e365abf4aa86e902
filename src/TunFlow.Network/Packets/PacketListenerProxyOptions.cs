namespace TunFlow.Network;

/// <summary>Options of <see cref="PacketListenerProxy"/>.</summary>
public sealed class PacketListenerProxyOptions
{
    /// <summary>The default of <see cref="WriteIdleTimeout"/>: 30 seconds.</summary>
    public static readonly TimeSpan DefaultWriteIdleTimeout = TimeSpan.FromSeconds(30);

    // What timers can wait is about 49 days.
    private static readonly TimeSpan s_longestTimeout = TimeSpan.FromDays(30);

    private readonly TimeSpan _writeIdleTimeout = DefaultWriteIdleTimeout;

    /// <summary>How long a session lives after the last datagram sent through it. Responses don't prolong it: a remote host must not be able to hold a mapping open (RFC 4787, section 4.3).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive, or more than 30 days.</exception>
    public TimeSpan WriteIdleTimeout
    {
        get => _writeIdleTimeout;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, s_longestTimeout);
            _writeIdleTimeout = value;
        }
    }

    /// <summary>The clock of the idle timeout.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
