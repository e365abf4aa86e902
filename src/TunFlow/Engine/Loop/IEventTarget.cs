namespace TunFlow;

/// <summary>Whose descriptor an epoll set watches.</summary>
internal interface IEventTarget
{
    /// <summary>Notes events (EPOLLIN and others). Runs on the loop's thread: stores and queues only.</summary>
    void OnEvents(uint events);
}
