using System.Threading.Tasks.Sources;
using Microsoft.Win32.SafeHandles;
using TunFlow.Devices.Linux.Native;

namespace TunFlow.Devices.Linux;

/// <summary>Tells one asynchronous reader when a descriptor has packets, from a thread of its own.</summary>
/// <remarks>
/// <code>
///            WaitAsync: arm                     packets, cancellation, stop: first one wins
///   Idle ----------------------> Armed ------------------------------------------------------> Idle
/// </code>
/// <para>Arming re-enables a one-shot interest in epoll, which works from any thread without waking the poll thread first. The kernel
/// looks at the descriptor while arming, so packets that came before are not missed. An event of an earlier, cancelled wait may end a
/// later one early: the reader then finds nothing and waits again.</para>
/// <para>The reader continues on the thread pool: this thread only ever waits.</para>
/// </remarks>
internal sealed unsafe class TunReadiness : IValueTaskSource
{
    private const ulong TagDescriptor = 0;
    private const ulong TagClosing = 1;

    private readonly TunDescriptor _descriptor;
    private readonly SafeFileHandle _epoll;
    private readonly Thread _thread;
    private ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _registration;
    private int _armed;
    private volatile bool _stopped;

    internal TunReadiness(TunDescriptor descriptor, string name)
    {
        _descriptor = descriptor;
        int epoll = PollCalls.EpollCreate(PollCalls.EpollCloseOnExec);
        if (epoll < 0)
        {
            throw Errno.Exception(Errno.Last, "Cannot create an epoll descriptor");
        }

        _epoll = new SafeFileHandle(epoll, ownsHandle: true);
        try
        {
            Control(PollCalls.EpollAdd, descriptor.Closing.Handle, PollCalls.EpollIn, TagClosing);
            // Registered without interest until somebody waits.
            Control(PollCalls.EpollAdd, descriptor.Handle, PollCalls.EpollOneShot, TagDescriptor);
        }
        catch
        {
            _epoll.Dispose();
            throw;
        }

        _thread = new Thread(Run) { IsBackground = true, Name = "TunFlow " + name };
        _thread.Start();
    }

    /// <summary>Completes when a read is worth trying: packets, an error, or the end. One call at a time.</summary>
    internal ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        _source.Reset();
        Volatile.Write(ref _armed, 1);
        if (cancellationToken.CanBeCanceled)
        {
            _registration = cancellationToken.UnsafeRegister(static (self, token) => ((TunReadiness)self!).Cancel(token), this);
        }

        try
        {
            Control(PollCalls.EpollModify, _descriptor.Handle, PollCalls.EpollIn | PollCalls.EpollOneShot, TagDescriptor);
        }
        catch (ObjectDisposedException)
        {
            Complete();
        }

        if (_stopped)
        {
            // The thread left before this wait was armed, and will not see it.
            Complete();
        }

        return new ValueTask(this, _source.Version);
    }

    /// <summary>Waits for the thread to leave; <see cref="TunDescriptor.Close"/> came before. Then no wait is pending.</summary>
    internal void Join()
    {
        _thread.Join();
        _epoll.Dispose();
    }

    void IValueTaskSource.GetResult(short token)
    {
        // Waits for a callback that is running: afterwards it cannot reach the next wait. Never on the callback's own thread, because
        // continuations do not run inline.
        _registration.Dispose();
        _registration = default;
        _source.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void Cancel(CancellationToken token)
    {
        if (Interlocked.Exchange(ref _armed, 0) == 1)
        {
            _source.SetException(new OperationCanceledException(token));
        }
    }

    private void Complete()
    {
        if (Interlocked.Exchange(ref _armed, 0) == 1)
        {
            _source.SetResult(true);
        }
    }

    private void Run()
    {
        byte* events = stackalloc byte[2 * EpollInterest.MaxSize];
        bool closing = false;
        while (!closing)
        {
            int count = PollCalls.EpollWait(_epoll, events, 2, Timeout.Infinite);
            if (count < 0 && Errno.Last != Errno.Interrupted)
            {
                break;
            }

            for (int i = 0; i < count; i++)
            {
                if (EpollInterest.Data(events + (i * EpollInterest.Size)) == TagClosing)
                    closing = true;
                else
                    Complete();
            }
        }

        _stopped = true;
        Complete();
    }

    private void Control(int operation, SafeFileHandle descriptor, uint events, ulong tag)
    {
        byte* interest = stackalloc byte[EpollInterest.MaxSize];
        EpollInterest.Set(interest, events, tag);
        if (PollCalls.EpollControl(_epoll, operation, descriptor, interest) != 0)
        {
            throw Errno.Exception(Errno.Last, "Cannot wait for packets of the descriptor");
        }
    }
}
