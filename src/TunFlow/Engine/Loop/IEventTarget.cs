namespace TunFlow;

/// <summary>Whose descriptor an epoll set watches.</summary>
internal interface IEventTarget
{
    /// <summary>Notes events (EPOLLIN and others). Runs on the loop's thread: stores and queues only.</summary>
    void OnEvents(uint events);

    /// <summary>Nobody waits for the descriptor any more.</summary>
    void OnAbandoned()
    {
    }
}
