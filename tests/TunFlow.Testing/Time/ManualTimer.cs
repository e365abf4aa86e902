namespace TunFlow.Testing;

internal sealed class ManualTimer(ManualTimeProvider provider, TimerCallback callback, object? state) : ITimer
{
    private int _disposed;

    public long DueTicks { get; set; }

    public long PeriodTicks { get; set; }

    /// <summary>Timers due at the same moment fire in the order they were set.</summary>
    public long Sequence { get; set; }

    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        if (Volatile.Read(ref _disposed) != 0)
        {
            return false;
        }

        provider.Set(this, dueTime, period);
        return true;
    }

    public void Fire() => callback(state);

    public void Dispose()
    {
        Interlocked.Exchange(ref _disposed, 1);
        provider.Remove(this);
    }

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }
}
