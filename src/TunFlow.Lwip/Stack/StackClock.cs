namespace TunFlow.Lwip;

/// <summary>The stack's clock: microseconds of a <see cref="TimeProvider"/>'s timestamp, which never goes backwards.</summary>
internal readonly struct StackClock
{
    private const long MicrosecondsPerSecond = 1_000_000;

    private readonly TimeProvider _provider;
    private readonly long _frequency;

    public StackClock(TimeProvider provider)
    {
        _provider = provider;
        _frequency = provider.TimestampFrequency;
    }

    public ulong Now
    {
        get
        {
            long timestamp = _provider.GetTimestamp();
            // Whole seconds apart, or a frequency of 1 GHz would overflow after 2.5 hours.
            (long seconds, long rest) = Math.DivRem(timestamp, _frequency);
            return (ulong)((seconds * MicrosecondsPerSecond) + (rest * MicrosecondsPerSecond / _frequency));
        }
    }

    public static ulong ToMicroseconds(TimeSpan span) => (ulong)(span.Ticks / TimeSpan.TicksPerMicrosecond);

    /// <summary>0 is the ABI's "never".</summary>
    public static ulong ToMicrosecondsOrNever(TimeSpan span) => span == Timeout.InfiniteTimeSpan ? 0 : ToMicroseconds(span);
}
