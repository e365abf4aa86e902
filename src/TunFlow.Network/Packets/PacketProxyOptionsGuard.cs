namespace TunFlow.Network;

/// <summary>What the options of all packet proxies check.</summary>
internal static class PacketProxyOptionsGuard
{
    // What timers can wait is about 49 days.
    private static readonly TimeSpan s_longestTimeout = TimeSpan.FromDays(30);

    public static TimeSpan Timeout(TimeSpan value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, s_longestTimeout);
        return value;
    }

    public static TimeProvider Clock(TimeProvider value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value;
    }
}
