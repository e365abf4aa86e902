namespace TunFlow.Network;

/// <summary>Finds the sessions that were idle for too long, with one timer for all of them.</summary>
/// <remarks>
/// Activity only stores a timestamp in the session; the sweeper looks at it when the earliest deadline it knew of comes, and sleeps until the next one.
/// Deadlines closer together than 1/32 of the shortest timeout are served by one sweep, which bounds its cost for any number of sessions.
/// </remarks>
internal sealed class IdleSweeper
{
    // A list that was long once is not kept for ever.
    private const int SmallCapacity = 1024;

    private static readonly TimeSpan s_shortestWait = TimeSpan.FromMilliseconds(1);

    private readonly Lock _lock = new();
    private readonly TimeSpan _granularity;
    private readonly ITimer _timer;
    private readonly List<IIdleSession> _sessions = [];
    private long _armedFor = long.MaxValue;

    /// <summary>Creates a sweeper without sessions, whose timer doesn't run.</summary>
    /// <param name="timeout">How long a session may be idle.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="dnsTimeout">How long a session may be idle that only asked name servers, or null for the same.</param>
    public IdleSweeper(TimeSpan timeout, TimeProvider timeProvider, TimeSpan? dnsTimeout = null)
    {
        Timeout = timeout;
        TimeProvider = timeProvider;
        _granularity = (dnsTimeout < timeout ? dnsTimeout.Value : timeout) / 32;
        if (_granularity < s_shortestWait)
        {
            _granularity = s_shortestWait;
        }

        IdleTicks = ToTicks(timeout);
        DnsIdleTicks = ToTicks(dnsTimeout ?? timeout);

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

    public TimeProvider TimeProvider { get; }

    /// <summary>The ordinary timeout in the units of the time provider.</summary>
    public long IdleTicks { get; }

    /// <summary>The timeout of sessions that only asked name servers, in the units of the time provider.</summary>
    public long DnsIdleTicks { get; }

    public void Add(IIdleSession session)
    {
        lock (_lock)
        {
            if (session.SweepIndex < 0)
            {
                session.SweepIndex = _sessions.Count;
                _sessions.Add(session);
            }

            ArmLocked(session.LastActivity + session.IdleTicks);
        }
    }

    /// <summary>The session's timeout became shorter.</summary>
    public void Reschedule(IIdleSession session)
    {
        lock (_lock)
        {
            if (session.SweepIndex >= 0)
            {
                ArmLocked(session.LastActivity + session.IdleTicks);
            }
        }
    }

    public void Remove(IIdleSession session)
    {
        lock (_lock)
        {
            RemoveLocked(session);
            if (_sessions.Count == 0)
            {
                DisarmLocked();
            }
        }
    }

    private long ToTicks(TimeSpan time) => (long)(time.TotalSeconds * TimeProvider.TimestampFrequency);

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
        if (_sessions.Capacity > SmallCapacity && _sessions.Count < _sessions.Capacity / 4)
        {
            _sessions.Capacity = _sessions.Count * 2;
        }
    }

    private void ArmLocked(long deadline)
    {
        if (_armedFor <= deadline)
        {
            return;
        }

        TimeSpan wait = TimeProvider.GetElapsedTime(TimeProvider.GetTimestamp(), deadline);
        _armedFor = deadline;
        _timer.Change(wait > _granularity ? wait : _granularity, System.Threading.Timeout.InfiniteTimeSpan);
    }

    private void DisarmLocked()
    {
        if (_armedFor != long.MaxValue)
        {
            _armedFor = long.MaxValue;
            _timer.Change(System.Threading.Timeout.InfiniteTimeSpan, System.Threading.Timeout.InfiniteTimeSpan);
        }
    }

    private void Sweep()
    {
        List<IIdleSession> expired = [];
        lock (_lock)
        {
            long now = TimeProvider.GetTimestamp();
            long earliest = long.MaxValue;
            foreach (IIdleSession session in _sessions)
            {
                long deadline = session.LastActivity + session.IdleTicks;
                if (deadline <= now)
                {
                    expired.Add(session);
                }
                else
                {
                    earliest = Math.Min(earliest, deadline);
                }
            }

            foreach (IIdleSession session in expired)
            {
                RemoveLocked(session);
            }

            // It has just fired.
            _armedFor = long.MaxValue;
            if (_sessions.Count > 0)
            {
                ArmLocked(earliest);
            }
        }

        // Outside the lock: closing calls out to sockets and receivers.
        foreach (IIdleSession session in expired)
        {
            session.Expire();
        }
    }
}
