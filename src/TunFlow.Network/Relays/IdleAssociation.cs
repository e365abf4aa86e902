namespace TunFlow.Network.Relays;

/// <summary>An association that ends when nothing was sent through it for a while.</summary>
/// <remarks>
/// The sweeper finds it, whether somebody receives or not. A send that comes between the expiry and the sweep expires it, too: it never revives it. What
/// is received doesn't count: a remote host must not be able to hold a mapping open (RFC 4787, section 4.3). A send that was in time but meets the expiry is
/// never lost silently: it stores its time and then looks at the state, and takes the association back from Expiring; an expiry goes to Expiring, looks at
/// the time again, and closes only what is still Expiring.
/// </remarks>
internal abstract class IdleAssociation(IdleSweeper sweeper, TimeProvider timeProvider, PacketRelayCounters counters)
    : AssociationBase(counters), IIdleSession
{
    private long _lastActivity = timeProvider.GetTimestamp();

    public long LastActivity => Volatile.Read(ref _lastActivity);

    public long IdleTicks => sweeper.IdleTicks;

    public int SweepIndex { get; set; } = -1;

    /// <summary>To be called once, when everything else has succeeded.</summary>
    public void Start()
    {
        Counters.Opened();
        sweeper.Add(this);
    }

    public void Expire()
    {
        if (!TryBeginExpiry())
        {
            return;
        }

        if (TryFinishExpiry(IsIdle(timeProvider.GetTimestamp())))
        {
            Interlocked.Increment(ref Counters.AssociationsExpired);
            _ = CloseUnobservedAsync();
        }
        else if (IsOpen)
        {
            sweeper.Add(this);
            if (!IsOpen)
            {
                // It ended in between and was not there to be removed.
                sweeper.Remove(this);
            }
        }
    }

    protected override bool TryTouch()
    {
        long now = timeProvider.GetTimestamp();
        if (IsIdle(now))
        {
            Expire();
            if (!IsOpen)
            {
                return false;
            }
        }

        // A full fence: see the remarks.
        Interlocked.Exchange(ref _lastActivity, now);
        return TryStayOpen();
    }

    protected override void OnEnded() => sweeper.Remove(this);

    private bool IsIdle(long now) => timeProvider.GetElapsedTime(LastActivity, now) >= sweeper.Timeout;
}
