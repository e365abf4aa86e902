using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>A manual clock that runs a test's code whenever somebody reads it: that is how a test gets in between two steps.</summary>
internal sealed class HookedTimeProvider(ManualTimeProvider inner) : TimeProvider
{
    /// <summary>Runs once, with the next reading, before the reading is returned.</summary>
    public Action? OnNextReading { get; set; }

    public override long TimestampFrequency => inner.TimestampFrequency;

    public override long GetTimestamp()
    {
        long reading = inner.GetTimestamp();
        if (OnNextReading is { } hook)
        {
            OnNextReading = null;
            hook();
        }

        return reading;
    }

    public override DateTimeOffset GetUtcNow() => inner.GetUtcNow();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => inner.CreateTimer(callback, state, dueTime, period);
}
