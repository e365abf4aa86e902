namespace TunFlow.Network;

/// <summary>Options of <see cref="DnsTruncatePacketProxy"/>.</summary>
public sealed class DnsTruncatePacketProxyOptions
{
    /// <summary>The default of <see cref="IdleTimeout"/>: 10 seconds.</summary>
    public static readonly TimeSpan DefaultIdleTimeout = TimeSpan.FromSeconds(10);

    private readonly TimeSpan _idleTimeout = DefaultIdleTimeout;
    private readonly TimeProvider _timeProvider = TimeProvider.System;

    /// <summary>How long a session lives after its last query; 10 seconds by default. Resolvers use a new port per query, so sessions come in masses and are used once.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive, or more than 30 days.</exception>
    public TimeSpan IdleTimeout
    {
        get => _idleTimeout;
        init => _idleTimeout = PacketProxyOptionsGuard.Timeout(value);
    }

    /// <summary>The clock of the timeout.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public TimeProvider TimeProvider
    {
        get => _timeProvider;
        init => _timeProvider = PacketProxyOptionsGuard.Clock(value);
    }
}
