namespace TunFlow.Network.Relays;

/// <summary>An association that ends when nothing was sent through it for a while.</summary>
/// <remarks>
/// The sweeper finds it, whether somebody receives or not. A send that comes between the expiry and the sweep expires it, too: it never revives it. What
/// is received doesn't count: a remote host must not be able to hold a mapping open (RFC 4787, section 4.3).
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
        if (TryEnd())
        {
            Interlocked.Increment(ref Counters.AssociationsExpired);
            _ = CloseUnobservedAsync();
        }
    }

    protected override bool TryTouch()
    {
        long now = timeProvider.GetTimestamp();
        if (timeProvider.GetElapsedTime(LastActivity, now) >= sweeper.Timeout)
        {
            Expire();
            return false;
        }

        // Before sending: a sweep that comes in between finds the association busy, and one that was faster makes the send fail with Closed, never silently.
        Volatile.Write(ref _lastActivity, now);
        return true;
    }

    protected override void OnEnded() => sweeper.Remove(this);
}
