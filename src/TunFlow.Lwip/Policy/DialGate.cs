using System.Net;

namespace TunFlow.Lwip;

/// <summary>Bounds the dials of flows that were accepted first: at once in all, and of one source address.</summary>
/// <remarks>
/// Where the dial comes first the native stack bounds the pending SYNs itself, and what is too much is dropped for the application to repeat.
/// An accepted flow can't be dropped, so here it waits: in order within its source, in turn among the sources.
/// </remarks>
internal sealed class DialGate(int most, int mostPerSource)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, Source> _sources = [];
    private readonly Queue<Source> _ready = new();
    private int _taken;

    /// <summary>Dials under way.</summary>
    public int Taken => Volatile.Read(ref _taken);

    /// <summary>Sources that are remembered because they dial or wait.</summary>
    public int Sources
    {
        get
        {
            lock (_lock)
                return _sources.Count;
        }
    }

    /// <summary>Takes a place, waiting for it if need be. Each success needs one <see cref="Exit"/>.</summary>
    public Task EnterAsync(IPAddress address, CancellationToken cancellationToken)
    {
        TaskCompletionSource waiter;
        lock (_lock)
        {
            if (!_sources.TryGetValue(address, out Source? source))
                _sources.Add(address, source = new Source(address));
            if (_taken < most && source.Taken < mostPerSource && source.Waiters.Count == 0)
            {
                source.Taken++;
                _taken++;
                return Task.CompletedTask;
            }

            waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            source.Waiters.Enqueue(waiter);
            MarkReady(source);
        }

        return WaitAsync(waiter, cancellationToken);
    }

    /// <summary>Gives a place back.</summary>
    public void Exit(IPAddress address)
    {
        lock (_lock)
        {
            Source source = _sources[address];
            source.Taken--;
            _taken--;
            MarkReady(source);
            Grant();
            ForgetIfIdle(source);
        }
    }

    private static async Task WaitAsync(TaskCompletionSource waiter, CancellationToken cancellationToken)
    {
        // Whoever completes it first decides: a place that was granted is taken even if the wait was cancelled just then.
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), waiter);
        await waiter.Task.ConfigureAwait(false);
    }

    private void MarkReady(Source source)
    {
        if (source.IsReady || source.Waiters.Count == 0 || source.Taken >= mostPerSource)
            return;
        source.IsReady = true;
        _ready.Enqueue(source);
    }

    private void Grant()
    {
        while (_taken < most && _ready.TryDequeue(out Source? source))
        {
            source.IsReady = false;
            while (source.Waiters.TryDequeue(out TaskCompletionSource? waiter))
            {
                if (!waiter.TrySetResult())
                    continue;
                source.Taken++;
                _taken++;
                break;
            }

            MarkReady(source);
            ForgetIfIdle(source);
        }
    }

    private void ForgetIfIdle(Source source)
    {
        if (source is { Taken: 0, Waiters.Count: 0, IsReady: false })
            _sources.Remove(source.Address);
    }

    private sealed class Source(IPAddress address)
    {
        public IPAddress Address { get; } = address;

        public Queue<TaskCompletionSource> Waiters { get; } = new();

        public int Taken { get; set; }

        public bool IsReady { get; set; }
    }
}
