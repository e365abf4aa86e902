namespace TunFlow.Network;

/// <summary>What <see cref="IdleSweeper"/> needs of a session.</summary>
internal interface IIdleSession
{
    /// <summary>The timestamp of the last activity, in the units of the time provider.</summary>
    long LastActivity { get; }

    /// <summary>The sweeper's own note, guarded by its lock; -1 while the session isn't swept.</summary>
    int SweepIndex { get; set; }

    /// <summary>Ends the session. Must not throw.</summary>
    void Expire();
}
