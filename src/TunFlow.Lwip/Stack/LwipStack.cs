using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <summary>One native stack, its lock, its clock, and the managed counterparts of its flows and sessions.</summary>
/// <remarks>
/// <para>Every native call that needs the lock has its method here. Under the lock run native calls and O(1) bookkeeping only; no user code,
/// no sockets, no TUN. Leaving the lock (<see cref="Leave"/>) does, in this order: carry the events out, wake those they concern, arm the
/// timer if the next deadline came nearer, pass packets to the device.</para>
/// <para>Events are noted in their endpoint under the lock and dispatched after it, by possibly several threads at once: an endpoint acts
/// on the sum of what was noted, so the order of dispatches doesn't matter.</para>
/// <para>A status that is thrown away (<c>_ =</c>) says that the id is stale or the flow past that state: the caller's intent, to end or
/// to pass on something, then needs nothing more.</para>
/// <para>The native stack is destroyed when it was shut down and the last endpoint was closed, whichever comes later: memory that an
/// upstream's pending write still reads belongs to a flow that isn't closed.</para>
/// </remarks>
internal sealed unsafe partial class LwipStack
{
    private readonly Lock _gate = new();
    private readonly StackHandle _handle;
    private readonly uint _index;
    private readonly StackClock _clock;
    private readonly SlotTable<LwipFlow> _flows = new();
    private readonly SlotTable<LwipSession> _sessions = new();
    private readonly IStackOwner _owner;
    private TfStats _final;
    private bool _shutDown;
    private ulong _now; // of the entry; the native stack takes an earlier one for the last it knew
    private bool _destroyed;

    public LwipStack(in TfConfig config, TimeProvider timeProvider, IStackOwner owner)
    {
        _clock = new StackClock(timeProvider);
        _owner = owner;
        TfStatus status = StackHandle.TryCreate(in config, _clock.Now, out StackHandle? handle);
        _handle = handle ?? throw CreationFailed((int)status);
        _index = handle.Index;
        // The creator's context (its AsyncLocals) must not live as long as the stack.
        AsyncFlowControl? suppressed = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
        try
        {
            _timer = timeProvider.CreateTimer(
                static self => ((LwipStack)self!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
        finally
        {
            suppressed?.Undo();
        }
    }

    /// <summary>The stack was shut down: whatever ends from now on, ends because its device is closed.</summary>
    public bool IsShutDown => Volatile.Read(ref _shutDown);

    /// <summary>Packets wait for the device. A hint.</summary>
    public bool HasOutput => NativeMethods.tf_output_pending(_index) != 0;

    /// <summary>Enters the lock. False if the native stack is gone; the lock is then not held.</summary>
    private bool TryEnter()
    {
        // Before the lock: a TimeProvider is user code.
        ulong now = _clock.Now;
        _gate.Enter();
        _now = now;
        if (!_destroyed)
            return true;
        _gate.Exit();
        return false;
    }

    private void Leave()
    {
        LeaveWithoutOutput();
        _owner.OnStackLeft();
    }

    /// <summary>For the one that is taking the output.</summary>
    private void LeaveWithoutOutput()
    {
        EventBatch batch = default;
        bool more = CollectEvents(ref batch);
        DestroyIfDone();
        ulong deadline = _destroyed ? NativeMethods.TF_NO_DEADLINE : NativeMethods.tf_stack_deadline(_index);
        _gate.Exit();
        batch.Dispatch();
        while (more)
        {
            batch = default;
            if (!TryEnter())
                break;
            more = CollectEvents(ref batch);
            _gate.Exit();
            batch.Dispatch();
        }

        ArmTimer(deadline);
    }

    private bool CollectEvents(ref EventBatch batch)
    {
        TfEvent* events = stackalloc TfEvent[EventBatch.Capacity];
        int count = NativeMethods.tf_events(_index, events, EventBatch.Capacity);
        for (int i = 0; i < count; i++)
        {
            IStackEndpoint? endpoint = FindOrAdd(in events[i]);
            if (endpoint is null)
                continue;
            endpoint.Post(events[i].Flags, events[i].Status);
            batch.Add(endpoint);
        }

        return count == EventBatch.Capacity;
    }

    private IStackEndpoint? FindOrAdd(in TfEvent news)
    {
        if (news.Id == 0)
            return _owner.Echoes;
        const ulong sessionBit = 1ul << 56;
        if ((news.Id & sessionBit) != 0)
        {
            LwipSession? session = _sessions.Find(news.Id);
            if (session is null && (news.Flags & (uint)TfEventFlags.Session) != 0)
            {
                TfEndpoint source;
                if (NativeMethods.tf_session_get_source(_index, news.Id, &source) < 0)
                    return null;
                session = new LwipSession(this, news.Id, source, _owner);
                _sessions.Add(session);
            }

            return session;
        }

        LwipFlow? flow = _flows.Find(news.Id);
        if (flow is null && (news.Flags & (uint)TfEventFlags.Connect) != 0)
        {
            TfFlowDetails details;
            if (NativeMethods.tf_flow_get_details(_index, news.Id, &details) < 0)
                return null;
            flow = new LwipFlow(this, news.Id, in details, _owner);
            _flows.Add(flow);
        }

        return flow;
    }

    /// <summary>Resets every flow and ends every session. Their endpoints get to know and close themselves.</summary>
    public void ShutDown()
    {
        if (!TryEnter())
            return;
        if (!_shutDown)
        {
            Volatile.Write(ref _shutDown, true);
            _ = NativeMethods.tf_stack_abort_all(_index, _now);
        }

        // Before the native stack can go: its RSTs leave first.
        _owner.OnShuttingDown();
        Leave();
    }

    private void DestroyIfDone()
    {
        if (!_shutDown || _destroyed || _flows.Count != 0 || _sessions.Count != 0)
            return;
        TfStats final;
        _ = NativeMethods.tf_stack_get_stats(_index, &final);
        _final = final;
        _destroyed = true;
        _handle.Dispose();
        _timer.Dispose();
    }

    /// <summary>True once the native stack is freed.</summary>
    public bool IsDestroyed
    {
        get
        {
            lock (_gate)
                return _destroyed;
        }
    }
}
