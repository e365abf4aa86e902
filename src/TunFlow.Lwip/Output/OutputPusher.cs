using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <summary>Drains the output queue into a sink, by whichever thread left the stack with packets in it.</summary>
/// <remarks>
/// One token: who gets it drains the queue, releases it and looks again; who doesn't, leaves, because the holder looks after him. Packets are
/// in the queue before their maker asks for the token, and the holder looks after it gave the token back (both with a full fence), so one of
/// the two always sees the packets.
/// </remarks>
internal sealed unsafe class OutputPusher
{
    private const int BatchSize = 64;

    private readonly LwipStack _stack;
    private readonly FinalOutput _final;
    private readonly IOutputSink _sink;
    private int _token;
    private bool _closed;

    public OutputPusher(LwipStack stack, FinalOutput final, IOutputSink sink)
    {
        _stack = stack;
        _final = final;
        _sink = sink;
    }

    /// <summary>Passes nothing to the sink from when this returns. What waits is for whoever takes the sink's place, and looks once when he does.</summary>
    public void Close()
    {
        // The holder waits for nothing, so this spin is as short as a batch.
        SpinWait spin = default;
        while (Interlocked.CompareExchange(ref _token, 1, 0) != 0)
            spin.SpinOnce();
        _closed = true;
        Interlocked.Exchange(ref _token, 0);
    }

    public void Drain()
    {
        while (_stack.HasOutput || _final.HasOutput)
        {
            if (Interlocked.CompareExchange(ref _token, 1, 0) != 0)
                return;
            bool progress = false;
            try
            {
                if (_closed)
                    return;
                progress = DrainHeld();
            }
            finally
            {
                Interlocked.Exchange(ref _token, 0);
            }

            // The hint may count what another stack of the same index holds after this one is gone. Only then: nothing taken is no
            // reason to leave, because somebody may have queued a packet and left on seeing this token.
            if (!progress && _stack.IsDestroyed)
                return;
        }
    }

    private bool DrainHeld()
    {
        TfOutput** entries = stackalloc TfOutput*[BatchSize];
        bool progress = false;
        while (true)
        {
            int count = _stack.TakeOutput(entries, BatchSize);
            if (count == 0)
                count = _final.Take(entries, BatchSize);
            if (count == 0)
                return progress;
            progress = true;
            try
            {
                _sink.Write(entries, count);
            }
            finally
            {
                NativeMethods.tf_output_free(entries, (uint)count);
            }
        }
    }
}
