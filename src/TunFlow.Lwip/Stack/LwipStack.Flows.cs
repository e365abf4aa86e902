using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <content>Operations on flows. Results are counts or a negative <see cref="NativeStatus"/>.</content>
internal sealed unsafe partial class LwipStack
{
    public int Accept(LwipFlow flow)
    {
        if (!TryEnter())
            return NativeStatus.Stale;
        int result = NativeMethods.tf_flow_accept(_index, _now, flow.Id);
        Leave();
        return result;
    }

    /// <summary>Answers a pending SYN and ends the flow, whatever state it is in.</summary>
    public void Refuse(LwipFlow flow, TfRefusal refusal)
    {
        if (!TryEnter())
            return;
        if (_flows.Remove(flow) && NativeMethods.tf_flow_refuse(_index, _now, flow.Id, (uint)refusal) < 0)
            _ = NativeMethods.tf_flow_close(_index, _now, flow.Id, 0);
        Leave();
    }

    /// <summary>Shows received bytes and keeps them in place until <see cref="ReturnBorrowed"/>, even if the flow is closed meanwhile.</summary>
    public int Borrow(LwipFlow flow, Span<TfSlice> slices, out int count, out bool end)
    {
        count = 0;
        end = false;
        if (!TryEnter())
            return NativeStatus.Stale;
        int total;
        uint shown = 0, atEnd = 0;
        fixed (TfSlice* pointer = slices)
            total = NativeMethods.tf_flow_receive(_index, flow.Id, pointer, (uint)slices.Length, &shown, &atEnd);
        if (total > 0)
            flow.Borrowed = true;
        // Looking makes no events.
        _gate.Exit();
        count = (int)shown;
        end = atEnd != 0;
        return total;
    }

    /// <summary>Ends a borrow: the first <paramref name="consumed"/> bytes are done with and open the window.</summary>
    public void ReturnBorrowed(LwipFlow flow, int consumed)
    {
        if (!TryEnter())
            return;
        flow.Borrowed = false;
        if (consumed > 0)
            _ = NativeMethods.tf_flow_consume(_index, _now, flow.Id, (uint)consumed);
        if (flow.Discarded)
            _ = NativeMethods.tf_flow_discard(_index, _now, flow.Id);
        if (flow.CloseLinger is { } linger)
            CloseLocked(flow, linger);
        Leave();
    }

    /// <summary>Opens the window by the first bytes of a borrow, which goes on.</summary>
    public void Consume(LwipFlow flow, int length)
    {
        if (!TryEnter())
            return;
        _ = NativeMethods.tf_flow_consume(_index, _now, flow.Id, (uint)length);
        Leave();
    }

    public int Write(LwipFlow flow, ReadOnlySpan<byte> data)
    {
        if (!TryEnter())
            return NativeStatus.Stale;
        int result;
        fixed (byte* pointer = data)
            result = NativeMethods.tf_flow_write(_index, _now, flow.Id, pointer, (uint)data.Length);
        Leave();
        return result;
    }

    public int WriteBlock(LwipFlow flow, byte* block, byte* data, int length)
    {
        if (!TryEnter())
            return NativeStatus.Stale;
        int result = NativeMethods.tf_flow_write_block(_index, _now, flow.Id, block, data, (uint)length);
        Leave();
        return result;
    }

    public int Writable(LwipFlow flow)
    {
        if (!TryEnter())
            return NativeStatus.Stale;
        int result = NativeMethods.tf_flow_writable(_index, flow.Id);
        _gate.Exit();
        return result;
    }

    public int CompleteWrites(LwipFlow flow)
    {
        if (!TryEnter())
            return NativeStatus.Stale;
        int result = NativeMethods.tf_flow_shutdown(_index, _now, flow.Id);
        Leave();
        return result;
    }

    public void Discard(LwipFlow flow)
    {
        if (!TryEnter())
            return;
        // Not under a borrow: discarding would free the memory that somebody reads.
        flow.Discarded = true;
        if (!flow.Borrowed)
            _ = NativeMethods.tf_flow_discard(_index, _now, flow.Id);
        Leave();
    }

    public void Abort(LwipFlow flow)
    {
        if (!TryEnter())
            return;
        _ = NativeMethods.tf_flow_abort(_index, _now, flow.Id);
        Leave();
    }

    /// <summary>Frees the id once no borrow is left. Repeated calls change nothing.</summary>
    public void Close(LwipFlow flow, TimeSpan linger)
    {
        if (!TryEnter())
            return;
        if (flow.CloseLinger is null)
        {
            flow.CloseLinger = linger;
            if (!flow.Borrowed)
                CloseLocked(flow, linger);
        }

        Leave();
    }

    private void CloseLocked(LwipFlow flow, TimeSpan linger)
    {
        if (_flows.Remove(flow))
            _ = NativeMethods.tf_flow_close(_index, _now, flow.Id, StackClock.ToMicroseconds(linger));
    }

    /// <summary>Bytes written and not yet acknowledged; 0 when the flow is gone.</summary>
    public int Unacknowledged(LwipFlow flow) => (int)GetDetails(flow).SendQueue;

    /// <summary>Bytes per segment; 0 when the flow is gone.</summary>
    public int GetMss(LwipFlow flow) => (int)GetDetails(flow).Mss;

    /// <summary>All zero when the flow is gone.</summary>
    public TfFlowDetails GetDetails(LwipFlow flow)
    {
        TfFlowDetails details = default;
        if (TryEnter())
        {
            if (NativeMethods.tf_flow_get_details(_index, flow.Id, &details) < 0)
                details = default;
            _gate.Exit();
        }

        return details;
    }
}
