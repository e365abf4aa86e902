namespace TunFlow.Network;

/// <content>The one timer of both directions.</content>
public sealed partial class ImpairmentDevice
{
    private static readonly TimerCallback s_fire = static state => ((ImpairmentDevice)state!).Fire();

    private readonly Lock _timerLock = new();
    private ITimer? _timer;
    private long _timerDue = long.MaxValue;
    private bool _timerStopped;

    /// <summary>Sets the timer to the next packet that is due, and turns it off if there is none.</summary>
    private void Schedule()
    {
        lock (_timerLock)
        {
            long due = Math.Min(_read.NextDue, _written.NextDue);
            if (_timerStopped || due == _timerDue)
            {
                return;
            }

            _timerDue = due;
            if (due == long.MaxValue)
            {
                _timer?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                return;
            }

            // Timers of the system know whole milliseconds and cut the rest off: too early is of no use.
            double milliseconds = Math.Ceiling((due - _time.GetTimestamp()) * 1000.0 / _time.TimestampFrequency);
            TimeSpan wait = TimeSpan.FromMilliseconds(Math.Max(1, milliseconds));
            _timer ??= _time.CreateTimer(s_fire, this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _timer.Change(wait, Timeout.InfiniteTimeSpan);
        }
    }

    private void Fire()
    {
        lock (_timerLock)
        {
            _timerDue = long.MaxValue; // it isn't set any more
        }

        ReadDue();
        ValueTask writing = WriteDueAsync();
        if (!writing.IsCompleted)
        {
            _ = ScheduleAfterAsync(writing);
        }
        else
        {
            writing.GetAwaiter().GetResult();
        }

        // Also while a write takes its time: packets to read don't wait for it.
        Schedule();
    }

    private async Task ScheduleAfterAsync(ValueTask writing)
    {
        await writing.ConfigureAwait(false);
        Schedule();
    }

    private void StopTimer()
    {
        ITimer? timer;
        lock (_timerLock)
        {
            _timerStopped = true;
            timer = _timer;
            _timer = null;
        }

        timer?.Dispose();
    }
}
