using System.Net.Sockets;
using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>Takes a flow from its SYN to its end: dials, answers, copies both directions, passes on how they ended.</summary>
/// <remarks>
/// <para>Theory of operation. One task per flow (<see cref="RunAsync"/>): policy, dial and answer in the order of the <see cref="AcceptMode"/>, then two pumps. A pump ends in one of three ways
/// (<see cref="PumpEnd"/>), and the pair of ends decides what both sides get to see:</para>
/// <code>
///   app FIN            up ends     -> upstream.CompleteWrites, down goes on
///   upstream EOF       down ends   -> FIN to the app, up goes on
///   both               orderly     -> upstream disposed, flow closed (last bytes linger in the stack)
///   app RST, time-out  FlowBroken  -> upstream.Abort at once
///   upstream read err  UpstreamBroken -> what came before it is delivered, then RST to the app
///   upstream write err UpstreamBroken -> as above, after a short time for answers that are already on their way
/// </code>
/// <para>The upstream belongs to this object from the dial's success and is disposed exactly once, in <see cref="RunAsync"/>'s end or, when
/// the dial succeeded after everybody stopped waiting, by <see cref="DeviceContext.Abandon"/>.</para>
/// <para>User code (dialer, stream) runs on thread-pool threads, never under the stack's lock; whatever it throws ends this flow only.</para>
/// </remarks>
internal sealed partial class FlowRelay : IThreadPoolWorkItem
{
    /// <summary>For answers in flight when writing failed, and for pending calls of an aborted upstream to return.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly LwipFlow _flow;
    private readonly DeviceContext _context;
    private CallLimit? _callLimit;
    private StreamConnection? _upstream;
    private readonly long _started;
    private FlowState _state;
    private bool _accepted;
    private long _bytesUp;
    private long _bytesDown;
    private bool _upstreamAborted;

    private FlowRelay(LwipFlow flow, DeviceContext context)
    {
        _flow = flow;
        _context = context;
        _started = context.Options.TimeProvider.GetTimestamp();
    }

    /// <summary>This flow for <see cref="LwipDevice.GetFlows"/>.</summary>
    public FlowSnapshot ToSnapshot(in TfFlowDetails details) => new()
    {
        Id = _flow.Id,
        Protocol = ProtocolType.Tcp,
        Source = _flow.Source,
        Destination = _flow.Destination,
        State = _flow.IsClosed ? FlowState.Closing : _state,
        Age = _context.Options.TimeProvider.GetElapsedTime(_started),
        BytesUp = Volatile.Read(ref _bytesUp),
        BytesDown = Volatile.Read(ref _bytesDown),
        NativeBytes = details.NativeBytes,
    };

    /// <summary>Queues the relay of a new flow; runs no user code here.</summary>
    public static void Start(LwipFlow flow, DeviceContext context)
    {
        FlowRelay relay = new(flow, context);
        context.Work.Enter();
        flow.Linger = context.Options.LingerTimeout;
        flow.Relay = relay;
        flow.Broken = relay.OnBroken;
        if (relay.TryEnterLoop())
            relay._loop!.Post(relay);
        else
            ThreadPool.UnsafeQueueUserWorkItem(relay, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute() => _ = RunAsync();

    private async Task RunAsync()
    {
        try
        {
            if (_flow.IsClosed)
                _flow.Refuse(TfRefusal.Silent);
            else if (await OpenAsync().ConfigureAwait(false))
                await RelayAsync(Volatile.Read(ref _upstream)!).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Nothing above is expected to throw; a flow must not stay half alive if it does.
            await LeaveLoopAsync();
            _context.Report(exception);
            _flow.Reset();
        }
        finally
        {
            await _flow.DisposeAsync().ConfigureAwait(false);
            await _context.DisposeAsync(_upstream).ConfigureAwait(false);
            _context.Work.Exit();
        }
    }

    private async Task RelayAsync(StreamConnection upstream)
    {
        _state = FlowState.Open;
        Task<PumpEnd> up = PumpUpAsync(upstream);
        Task<PumpEnd> down = PumpDownAsync(upstream);
        Task<PumpEnd> first = await Task.WhenAny(up, down).ConfigureAwait(false);
        PumpEnd firstEnd = await first.ConfigureAwait(false);
        _state = firstEnd == PumpEnd.Orderly ? FlowState.HalfClosed : FlowState.Closing;
        Task<PumpEnd> second = first == up ? down : up;
        if (firstEnd != PumpEnd.Orderly)
            await UnblockAsync(second, firstEnd, wasWriting: first == up).ConfigureAwait(false);
        PumpEnd secondEnd = await second.ConfigureAwait(false);
        _state = FlowState.Closing;

        if (firstEnd == PumpEnd.Orderly && secondEnd == PumpEnd.Orderly)
            return;
        AbortUpstream();
        if (!_flow.IsClosed)
        {
            Interlocked.Increment(ref _context.Counters.UpstreamErrors);
            await DeliverAsync().ConfigureAwait(false);
        }

        _flow.Reset();
    }

    /// <summary>Makes the other pump end too, whatever it waits for.</summary>
    private async Task UnblockAsync(Task second, PumpEnd firstEnd, bool wasWriting)
    {
        TimeProvider time = _context.Options.TimeProvider;
        if (firstEnd == PumpEnd.UpstreamBroken)
        {
            // Wakes a pump that waits for the application's data.
            _flow.AbortReads();
            // A server that answered early and closed: its answer may still be readable (RFC 9112 section 9.6).
            if (wasWriting)
                await second.WaitAsync(Grace, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        AbortUpstream();
        await second.WaitAsync(Grace, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (second.IsCompleted)
            return;

        // Either the upstream's pending call ignores Abort, and may react to this; or an application that reads slowly is
        // being given what the upstream sent before it failed.
        // Not awaited before the reset: a disposal may hang like the call did, and the application is to hear of the end.
        Task disposal = _context.DisposeAsync(Interlocked.Exchange(ref _upstream, null)).AsTask();
        await second.WaitAsync(_context.Options.LingerTimeout, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _flow.Reset();
        await disposal.ConfigureAwait(false);
    }

    /// <summary>What the upstream sent before it failed still reaches the application, within the linger time.</summary>
    private async Task DeliverAsync()
    {
        using CancellationTokenSource linger = new(_context.Options.LingerTimeout, _context.Options.TimeProvider);
        try
        {
            await _flow.WaitDrainedAsync(_context.Options.TimeProvider, linger.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Time is up: the RST goes out with the rest undelivered.
        }
    }

    private void OnBroken(LwipFlow flow)
    {
        // Counted: the device's disposal waits for the user's Abort, too.
        _context.Work.Enter();
        ThreadPool.UnsafeQueueUserWorkItem(static self => self.BreakAndExit(), this, preferLocal: false);
    }

    private void BreakAndExit()
    {
        Break();
        _context.Work.Exit();
    }

    private void Break()
    {
        if (Interlocked.Exchange(ref _callLimit, null) is { } limit)
            CancelCall(limit);

        AbortUpstream();
    }

    private void AbortUpstream()
    {
        if (Volatile.Read(ref _upstream) is not { } upstream || Interlocked.Exchange(ref _upstreamAborted, true))
            return;
        try
        {
            upstream.Abort();
        }
        catch (Exception exception)
        {
            _context.Report(exception);
        }
    }
}
