namespace TunFlow.Network;

/// <summary>Finds the sessions that were idle for too long, with one timer for all of them.</summary>
/// <remarks>
/// Activity only stores a timestamp in the session; the sweeper looks at it when the earliest deadline it knew of comes, and sleeps until the next one.
/// Deadlines closer together than 1/32 of the timeout are served by one sweep, which bounds its cost for any number of sessions.
/// </remarks>
internal sealed class IdleSweeper
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _timeProvider;
    private readonly TimeSpan _granularity;
    private readonly long _timeoutTicks;
    private readonly ITimer _timer;
    private readonly List<IIdleSession> _expired = [];
    private readonly List<IIdleSession> _sessions = [];
    private bool _armed;

    public IdleSweeper(TimeSpan timeout, TimeProvider timeProvider)
    {
        Timeout = timeout;
        _timeProvider = timeProvider;
        _granularity = timeout / 32;
        _timeoutTicks = (long)(timeout.TotalSeconds * timeProvider.TimestampFrequency);

        // The timer belongs to no call of the creator's: with a flowing context its callbacks would keep the creator's AsyncLocals alive.
        AsyncFlowControl? suppressed = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
        try
        {
            _timer = timeProvider.CreateTimer(static state => ((IdleSweeper)state!).Sweep(), this, System.Threading.Timeout.InfiniteTimeSpan, System.Threading.Timeout.InfiniteTimeSpan);
        }
        finally
        {
            suppressed?.Undo();
        }
    }

    public TimeSpan Timeout { get; }

    public void Add(IIdleSession session)
    {
        lock (_lock)
        {
            session.SweepIndex = _sessions.Count;
            _sessions.Add(session);
            if (!_armed)
            {
                _armed = true;
                _timer.Change(Timeout, System.Threading.Timeout.InfiniteTimeSpan);
            }
        }
    }

    public void Remove(IIdleSession session)
    {
        lock (_lock)
        {
            RemoveLocked(session);
            if (_sessions.Count == 0 && _armed)
            {
                _armed = false;
                _timer.Change(System.Threading.Timeout.InfiniteTimeSpan, System.Threading.Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void RemoveLocked(IIdleSession session)
    {
        int index = session.SweepIndex;
        if (index < 0)
        {
            return;
        }

        // Order doesn't matter: the last one fills the hole.
        IIdleSession last = _sessions[^1];
        _sessions[index] = last;
        last.SweepIndex = index;
        _sessions.RemoveAt(_sessions.Count - 1);
        session.SweepIndex = -1;
    }

    private void Sweep()
    {
        IIdleSession[] expired;
        lock (_lock)
        {
            long now = _timeProvider.GetTimestamp();
            long earliest = long.MaxValue;
            foreach (IIdleSession session in _sessions)
            {
                long deadline = session.LastActivity + _timeoutTicks;
                if (deadline <= now)
                {
                    _expired.Add(session);
                }
                else
                {
                    earliest = Math.Min(earliest, deadline);
                }
            }

            expired = [.. _expired];
            _expired.Clear();
            foreach (IIdleSession session in expired)
            {
                RemoveLocked(session);
            }

            _armed = _sessions.Count > 0;
            if (_armed)
            {
                TimeSpan wait = _timeProvider.GetElapsedTime(now, earliest);
                _timer.Change(wait > _granularity ? wait : _granularity, System.Threading.Timeout.InfiniteTimeSpan);
            }
        }

        // Outside the lock: closing calls out to sockets and receivers.
        foreach (IIdleSession session in expired)
        {
            session.Expire();
        }
    }
}
