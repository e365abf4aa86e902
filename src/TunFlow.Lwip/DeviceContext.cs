using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>What relays and sessions share: the user's objects, the options, and where things are counted.</summary>
internal sealed class DeviceContext
{
    private IRelayLoop? _loop;

    public DeviceContext(IStreamDialer dialer, IPacketProxy packetProxy, LwipDeviceOptions options)
    {
        Upstreams = new Upstreams(dialer, packetProxy);
        Options = options;
        Log = options.LoggerFactory?.CreateLogger("TunFlow.Lwip") is { } log ? new GuardedLogger(log, Counters) : NullLogger.Instance;
        Loops = new LoopGuard(options.ProxyEndPoints);
        AcceptedDials = new DialGate(options.MaxPendingDials, options.MaxPendingDialsPerSource);
    }

    /// <summary>Who opens flows and sessions from now on.</summary>
    public Upstreams Upstreams { get; }

    /// <summary>Knows the tunnel's own traffic.</summary>
    public LoopGuard Loops { get; }

    /// <summary>Bounds the dials of flows that were accepted before they were dialled.</summary>
    public DialGate AcceptedDials { get; }

    public LwipDeviceOptions Options { get; }

    public ILogger Log { get; }

    public DeviceCounters Counters { get; } = new();

    /// <summary>Carries relays whose upstreams it can connect itself; null where there is none.</summary>
    public IRelayLoop? Loop { get => Volatile.Read(ref _loop); set => Volatile.Write(ref _loop, value); }

    /// <summary>Set once the device can be asked for its statistics, before the first flow.</summary>
    public MeterOwner? Metrics { get; set; }

    public WorkTracker Work { get; } = new();

    /// <summary>Counts an exception that came out of user code and says what it means for the network.</summary>
    public NetworkError Report(Exception exception)
    {
        NetworkError error = NetworkErrors.Classify(exception);
        // Dialers and streams fail with network errors and cancellation; anything else is a bug in them, worth seeing in the statistics.
        if (error == NetworkError.Unknown && exception is not (IOException or OperationCanceledException))
        {
            Interlocked.Increment(ref Counters.UnexpectedExceptions);
            LwipLog.UnexpectedException(Log, exception);
        }

        return error;
    }

    /// <summary>Asks the policy. The wait ends with the limit, even if the policy ignores its token.</summary>
    public ValueTask<FlowDecision> AskAsync(FlowPolicy policy, FlowInfo flow, CallLimit limit) => AwaitAsync(policy(flow, limit.Token), limit);

    /// <summary>Waits for the answer of user code no longer than the limit allows.</summary>
    public async ValueTask<T> AwaitAsync<T>(ValueTask<T> call, CallLimit limit)
    {
        Task<T> answer = call.AsTask();
        try
        {
            T given = await answer.WaitAsync(limit.Ended).ConfigureAwait(false);
            // One that was called for too long, before it returned its task, is as late.
            limit.Ended.ThrowIfCancellationRequested();
            return given;
        }
        catch when (!answer.IsCompleted)
        {
            // Nobody waits for it any more; what it fails with is to be counted, and not to reach the finalizer unobserved.
            _ = answer.ContinueWith(
                static (late, self) => ((DeviceContext)self!).Report(late.Exception!.InnerException ?? late.Exception),
                this,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            throw;
        }
    }

    /// <summary>Records a dial's duration. A meter's listeners are user code, and run here; a loop's thread leaves them to the thread pool.</summary>
    public void RecordDial(TimeSpan duration, bool onLoop)
    {
        if (Metrics is not { Metrics.ListensToDials: true } metrics)
            return;
        if (onLoop)
            ThreadPool.UnsafeQueueUserWorkItem(static dial => dial.Context.Record(dial.Metrics, dial.Duration), (Context: this, Metrics: metrics, Duration: duration), preferLocal: false);
        else
            Record(metrics, duration);
    }

    private void Record(MeterOwner metrics, TimeSpan duration)
    {
        try
        {
            metrics.Metrics.Dialled(duration);
        }
        catch (Exception exception)
        {
            Report(exception);
        }
    }

    /// <summary>Ends the metrics, whose listeners are told.</summary>
    public void EndMetrics()
    {
        try
        {
            Metrics?.Dispose();
        }
        catch (Exception exception)
        {
            Report(exception);
        }
    }

    /// <summary>Whether a flow is the tunnel's own traffic come back; counts it then, and tells the first time.</summary>
    public bool IsLoop(IPEndPoint source, IPEndPoint destination)
    {
        if (!Loops.IsOwn(destination))
            return false;
        Interlocked.Increment(ref Counters.LoopsRefused);
        if (Loops.IsFirst())
            LwipLog.LoopDetected(Log, source, destination);
        return true;
    }

    /// <summary>Disposes something of the user's; what it throws is counted.</summary>
    public async ValueTask DisposeAsync(IAsyncDisposable? disposable)
    {
        if (disposable is null)
            return;
        try
        {
            await disposable.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Report(exception);
        }
    }

    /// <summary>Nobody waits for a call of the user's any more: what it still brings is disposed, and what it fails with, or failed with, is observed.</summary>
    public void Abandon<T>(Task<T>? call)
        where T : class, IAsyncDisposable
    {
        if (call is { IsFaulted: false, IsCanceled: false })
            _ = DisposeLateAsync(call);
        // Looked at, or a call that failed just when its time was up would be reported as unobserved.
        _ = call?.Exception;
    }

    private async Task DisposeLateAsync<T>(Task<T> call)
        where T : class, IAsyncDisposable
    {
        try
        {
            await DisposeAsync(await call.ConfigureAwait(false)).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Report(exception);
        }
    }

    /// <summary>Cancels without running the registered callbacks here, and counts what they throw.</summary>
    public async Task CancelAndDisposeAsync(CancellationTokenSource cancellation)
    {
        try
        {
            await cancellation.CancelAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Report(exception);
        }
        finally
        {
            cancellation.Dispose();
        }
    }
}
