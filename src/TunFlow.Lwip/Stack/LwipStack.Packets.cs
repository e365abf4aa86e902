using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <content>Packets in and out, blocks, statistics.</content>
internal sealed unsafe partial class LwipStack
{
    /// <summary>Processes a batch; the caller bounds it at 256 KB. False when the stack is shut down.</summary>
    public bool Input(TfPacket* packets, int count)
    {
        if (!TryEnter())
            return false;
        // A batch that was on its way when the stack was shut down must not begin flows that nobody would end any more.
        bool takes = !_shutDown;
        if (takes)
            _ = NativeMethods.tf_input(_index, _now, packets, (uint)count);
        Leave();
        return takes;
    }

    /// <summary>Moves packets out of the output queue. Entries are the caller's until <see cref="NativeMethods.tf_output_free"/>.</summary>
    public int TakeOutput(TfOutput** entries, int most)
    {
        if (!TryEnter())
            return 0;
        int taken = TakeOutputLocked(entries, most);
        // Room in the queue lets flows send that had to wait for it, which may start a timer.
        LeaveWithoutOutput();
        return taken;
    }

    /// <summary>For <see cref="IStackOwner.OnShuttingDown"/>, which runs under the lock.</summary>
    public int TakeOutputLocked(TfOutput** entries, int most) =>
        Math.Max(0, NativeMethods.tf_output_take(_index, _now, entries, (uint)most));

    /// <summary>Null when the byte budget, or the end of the stack, forbids it.</summary>
    public byte* AllocateBlock(int capacity) => NativeMethods.tf_block_alloc(_index, (uint)capacity);

    /// <summary>Changes the MTU of packets and connections from now on.</summary>
    public void SetMtu(int mtu)
    {
        if (!TryEnter())
            return;
        _ = NativeMethods.tf_stack_set_mtu(_index, (uint)mtu);
        _gate.Exit();
    }

    /// <summary>Resets every flow and ends every session; the stack goes on.</summary>
    public void AbortAll()
    {
        if (!TryEnter())
            return;
        _ = NativeMethods.tf_stack_abort_all(_index, _now);
        Leave();
    }

    /// <summary>Runs what became due, without waiting for the timer.</summary>
    public void Tick() => OnTimer();

    /// <summary>The flows and sessions of this moment.</summary>
    public (LwipFlow[] Flows, LwipSession[] Sessions) Snapshot()
    {
        lock (_gate)
            return (_flows.ToArray(), _sessions.ToArray());
    }

    /// <summary>A consistent snapshot; of a destroyed stack the last one.</summary>
    public void GetStatistics(out TfStats stats)
    {
        if (TryEnter())
        {
            fixed (TfStats* pointer = &stats)
                _ = NativeMethods.tf_stack_get_stats(_index, pointer);
            _gate.Exit();
        }
        else
        {
            stats = _final;
        }
    }
}
