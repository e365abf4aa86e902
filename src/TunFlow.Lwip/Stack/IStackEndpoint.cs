namespace TunFlow.Lwip;

/// <summary>A flow or session as the stack sees it.</summary>
internal interface IStackEndpoint
{
    ulong Id { get; }

    /// <summary>Notes what happened. Runs under the stack's lock: stores only.</summary>
    void Post(uint flags, int status);

    /// <summary>Acts on everything noted and not acted on yet. Runs outside the lock on whichever thread entered the stack: wakes and queues only, never runs user code.</summary>
    void Dispatch();
}
