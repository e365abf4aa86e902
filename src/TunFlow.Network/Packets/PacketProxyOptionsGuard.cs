using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>What the options of all packet proxies, and the relays, check.</summary>
internal static class PacketProxyOptionsGuard
{
    // What timers can wait is about 49 days.
    private static readonly TimeSpan s_longestTimeout = TimeSpan.FromDays(30);

    public static TimeSpan Timeout(TimeSpan value, [CallerArgumentExpression(nameof(value))] string? name = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, s_longestTimeout, name);
        return value;
    }

    public static TimeProvider Clock(TimeProvider value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value;
    }
}
