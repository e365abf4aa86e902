using System.Net;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Loop;

/// <summary>An epoll set with a thread that waits in it. What it wakes goes on on the thread pool, because tests block.</summary>
internal sealed class LoopThread : IRelayLoop, IEventTarget, IDisposable
{
    private readonly EventDescriptor _end = new();
    private readonly Registration _ending;
    private readonly Thread _thread;
    private volatile bool _ended;

    public LoopThread()
    {
        _ending = new Registration(Events, _end.Handle, PollCalls.EpollIn | PollCalls.EpollEdge, this);
        _thread = new Thread(Run) { IsBackground = true, Name = "loop under test" };
        _thread.Start();
    }

    public EventLoop Events { get; } = new();

    public bool CanDial(IStreamDialer dialer, IPEndPoint remote) => LoopDialer.CanDial(dialer, remote);

    public Task<StreamConnection> DialAsync(IStreamDialer dialer, IPEndPoint remote, CancellationToken cancellationToken) =>
        LoopDialer.DialAsync(dialer, remote, Events, this, cancellationToken);

    public void Post(IThreadPoolWorkItem work) => ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);

    public void Dispose()
    {
        _ended = true;
        _end.Set();
        _thread.Join();
        _ending.Dispose();
        Events.Dispose();
        _end.Dispose();
    }

    void IEventTarget.OnEvents(uint events)
    {
    }

    private void Run()
    {
        while (!_ended)
            Events.Wait(block: true);
    }
}
