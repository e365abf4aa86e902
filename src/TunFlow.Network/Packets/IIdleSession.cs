namespace TunFlow.Network;

/// <summary>What <see cref="IdleSweeper"/> needs of a session.</summary>
internal interface IIdleSession
{
    /// <summary>The timestamp of the last activity, in the units of the time provider.</summary>
    long LastActivity { get; }

    /// <summary>How long the session may be idle, in the units of the time provider. Whoever makes it shorter tells <see cref="IdleSweeper.Reschedule"/>.</summary>
    long IdleTicks { get; }

    /// <summary>The sweeper's own note, guarded by its lock; -1 while the session isn't swept.</summary>
    int SweepIndex { get; set; }

    /// <summary>Ends the session, or adds it again if it was used meanwhile; it is not swept any more when this is called. Must not throw.</summary>
    void Expire();
}
