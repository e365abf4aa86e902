using System.Collections.Concurrent;
using TunFlow.Devices.Linux.Native;

namespace TunFlow;

/// <summary>What is to run on one thread: its own work in a plain queue, that of others in a concurrent one that wakes it.</summary>
/// <remarks>
/// The exchange of sleeping and waking: the thread says that it sleeps and then looks at the queue; whoever queues looks whether it sleeps
/// afterwards. One of the two sees the other, and only the first who sees it writes to the descriptor.
/// </remarks>
internal sealed class WorkQueue : IDisposable
{
    private const int MostAtOnce = 64;

    private readonly Queue<IThreadPoolWorkItem> _own = new();
    private readonly ConcurrentQueue<IThreadPoolWorkItem> _others = new();
    private readonly EventDescriptor _wake = new();
    private int _thread;
    private int _sleeping;
    private volatile bool _ended;

    /// <summary>Readable, edge by edge, when the thread is to wake.</summary>
    public EventDescriptor Wake => _wake;

    /// <summary>The calling thread is the one.</summary>
    public void Claim() => _thread = Environment.CurrentManagedThreadId;

    public void Post(IThreadPoolWorkItem work)
    {
        if (Environment.CurrentManagedThreadId == Volatile.Read(ref _thread) && !_ended)
        {
            _own.Enqueue(work);
            return;
        }

        _others.Enqueue(work);
        Interlocked.MemoryBarrier();
        if (_ended)
            Flush();
        else if (Volatile.Read(ref _sleeping) != 0 && Interlocked.Exchange(ref _sleeping, 0) != 0)
            _wake.Set();
    }

    /// <summary>Before a wait. True if there is nothing to run, and whoever queues something from now on wakes the thread.</summary>
    public bool TrySleep()
    {
        if (_own.Count != 0)
            return false;
        Interlocked.Exchange(ref _sleeping, 1);
        if (_others.IsEmpty)
            return true;
        Volatile.Write(ref _sleeping, 0);
        return false;
    }

    /// <summary>After a wait.</summary>
    public void Awake() => Volatile.Write(ref _sleeping, 0);

    /// <summary>Runs some of what is queued; packets have their turn in between.</summary>
    public void Run()
    {
        for (int i = 0; i < MostAtOnce && _own.TryDequeue(out IThreadPoolWorkItem? work); i++)
            work.Execute();
        for (int i = 0; i < MostAtOnce && _others.TryDequeue(out IThreadPoolWorkItem? work); i++)
            work.Execute();
    }

    /// <summary>The thread ends: what waits, and what comes, is the thread pool's.</summary>
    public void End()
    {
        _ended = true;
        Interlocked.MemoryBarrier();
        while (_own.TryDequeue(out IThreadPoolWorkItem? work))
            ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
        Flush();
    }

    public void Dispose() => _wake.Dispose();

    private void Flush()
    {
        while (_others.TryDequeue(out IThreadPoolWorkItem? work))
            ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
    }
}
