namespace TunFlow.Testing;

/// <summary>A clock that stands still until it is advanced. Timers fire on the thread that advances, in the order of their due times, each at its own moment.</summary>
public sealed class ManualTimeProvider : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _timers = [];
    private readonly DateTimeOffset _start;
    private long _elapsedTicks;
    private long _wallOffsetTicks;
    private long _sequence;

    /// <summary>Creates a clock.</summary>
    /// <param name="start">The wall-clock time to start at; 1 January 2030, UTC, by default.</param>
    public ManualTimeProvider(DateTimeOffset? start = null)
    {
        _start = start ?? new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    }

    /// <summary>How far the clock was advanced.</summary>
    public TimeSpan Elapsed => new(Volatile.Read(ref _elapsedTicks));

    /// <summary>How many timers are waiting for their moment.</summary>
    public int ActiveTimers
    {
        get
        {
            lock (_lock)
            {
                return _timers.Count;
            }
        }
    }

    /// <summary>How long until the next timer fires, or null if there is none.</summary>
    public TimeSpan? NextTimer
    {
        get
        {
            lock (_lock)
            {
                return FindNext() is { } next ? new TimeSpan(Math.Max(0, next.DueTicks - _elapsedTicks)) : null;
            }
        }
    }

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override long GetTimestamp() => Volatile.Read(ref _elapsedTicks);

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => _start.AddTicks(Volatile.Read(ref _elapsedTicks) + Volatile.Read(ref _wallOffsetTicks));

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>Steps the wall clock, forwards or backwards, without any time passing: timers and timestamps must not care.</summary>
    /// <param name="step">How far.</param>
    public void StepWallClock(TimeSpan step) => Interlocked.Add(ref _wallOffsetTicks, step.Ticks);

    /// <summary>Lets time pass and fires what becomes due on the way, also timers that were set meanwhile.</summary>
    /// <param name="time">How long; not negative.</param>
    public void Advance(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        long target = Volatile.Read(ref _elapsedTicks) + time.Ticks;
        while (true)
        {
            ManualTimer next;
            lock (_lock)
            {
                ManualTimer? found = FindNext();
                if (found is null || found.DueTicks > target)
                {
                    Volatile.Write(ref _elapsedTicks, target);
                    return;
                }

                next = found;
                Volatile.Write(ref _elapsedTicks, Math.Max(_elapsedTicks, next.DueTicks));
                Reschedule(next);
            }

            next.Fire();
        }
    }

    /// <summary>The machine sleeps: time passes, and no timer fires meanwhile; what became due fires once when it wakes, late.</summary>
    /// <param name="time">How long; not negative.</param>
    public void Jump(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        lock (_lock)
        {
            Volatile.Write(ref _elapsedTicks, _elapsedTicks + time.Ticks);
            foreach (ManualTimer timer in _timers)
            {
                // Of a periodic one the last of the missed moments stays.
                if (timer.PeriodTicks > 0 && timer.DueTicks < _elapsedTicks)
                    timer.DueTicks += (_elapsedTicks - timer.DueTicks) / timer.PeriodTicks * timer.PeriodTicks;
            }
        }

        Advance(TimeSpan.Zero);
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        ManualTimer timer = new(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    internal void Set(ManualTimer timer, TimeSpan dueTime, TimeSpan period)
    {
        lock (_lock)
        {
            _timers.Remove(timer);
            if (dueTime == Timeout.InfiniteTimeSpan)
            {
                return;
            }

            timer.DueTicks = _elapsedTicks + dueTime.Ticks;
            timer.Sequence = _sequence++;
            timer.PeriodTicks = period > TimeSpan.Zero ? period.Ticks : 0;
            _timers.Add(timer);
        }
    }

    internal void Remove(ManualTimer timer)
    {
        lock (_lock)
        {
            _timers.Remove(timer);
        }
    }

    private ManualTimer? FindNext()
    {
        ManualTimer? next = null;
        foreach (ManualTimer timer in _timers)
        {
            if (next is null || (timer.DueTicks, timer.Sequence).CompareTo((next.DueTicks, next.Sequence)) < 0)
            {
                next = timer;
            }
        }

        return next;
    }

    private void Reschedule(ManualTimer timer)
    {
        if (timer.PeriodTicks == 0)
        {
            _timers.Remove(timer);
        }
        else
        {
            timer.DueTicks += timer.PeriodTicks;
            timer.Sequence = _sequence++;
        }
    }
}
