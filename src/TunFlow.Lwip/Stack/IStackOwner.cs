namespace TunFlow.Lwip;

/// <summary>What a stack asks of its device.</summary>
internal interface IStackOwner
{
    /// <summary>The lock was left: pass on what waits in the output queue. Any thread.</summary>
    void OnStackLeft();

    /// <summary>Every flow was reset and the lock is held: take the last packets out, the native queue is about to go.</summary>
    void OnShuttingDown();

    /// <summary>A connection attempt waits for an answer. Any thread, outside the lock; must only queue work.</summary>
    void OnFlow(LwipFlow flow);

    /// <summary>Takes echo requests; null while they aren't queued.</summary>
    IStackEndpoint? Echoes { get; }

    /// <summary>A UDP session came to life. Any thread, outside the lock; must only queue work.</summary>
    void OnSession(LwipSession session);
}
