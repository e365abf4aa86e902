using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>Dialling, and dialling again when the device's dialer is replaced meanwhile.</content>
/// <remarks>
/// Who replaces the dialer stores the new one and then looks at every relay; a relay notes its attempt and then looks whether its dialer still reigns. One
/// of them sees the other. The attempt's own phase settles who comes first, its end or its replacement: who looks at an attempt that is over by the time he
/// acts changes nothing in the one that came after it.
/// </remarks>
internal sealed partial class FlowRelay
{
    private DialAttempt? _attempt;

    /// <summary>Dials and takes the upstream over; on failure the flow is refused, or reset, and the result is false.</summary>
    private async Task<bool> DialAsync(IStreamDialer? chosen, long deadline)
    {
        while (true)
        {
            CallLimit limit = BeginCall(deadline);
            DialAttempt? attempt = null;
            Task<StreamConnection>? dial = null;
            try
            {
                IStreamDialer dialer = chosen ?? NoteAttempt(limit, out attempt);
                Interlocked.Increment(ref _context.Counters.Dials);
                long started = _context.Options.TimeProvider.GetTimestamp();
                if (_loop is { } loop && loop.CanDial(dialer, _flow.Destination))
                {
                    dial = loop.DialAsync(dialer, _flow.Destination, limit.Ended);
                }
                else
                {
                    await LeaveLoopAsync();
                    dial = dialer.DialStreamAsync(_flow.Destination, limit.Token).AsTask();
                }

                // A dialer may ignore its token; the application's wait must not depend on that.
                StreamConnection upstream = await dial.WaitAsync(limit.Ended).ConfigureAwait(false)
                    ?? throw new InvalidOperationException("The dialer returned no connection.");
                if (attempt is null || attempt.TryConnect())
                {
                    TakeOver(upstream);
                    Interlocked.Increment(ref _context.Counters.DialsSucceeded);
                    _context.RecordDial(_context.Options.TimeProvider.GetElapsedTime(started), onLoop: _loop is not null);
                    return true;
                }

                // Not awaited: the application waits for the next dial, not for the end of this one.
                DisposeReplaced(upstream);
            }
            catch (Exception exception)
            {
                // A log may be told.
                await LeaveLoopAsync();
                _context.Abandon(dial);
                if (attempt is not { IsReplaced: true } || _flow.IsClosed)
                {
                    Refuse(exception, timedOut: limit.Ended.IsCancellationRequested && exception is OperationCanceledException);
                    return false;
                }
            }
            finally
            {
                EndCall();
            }

            Interlocked.Increment(ref _context.Counters.DialsFailed);
            Interlocked.Increment(ref _context.Counters.DialsCancelled);
        }
    }

    /// <summary>Another dialer took the place of the one that this flow was, or is being, dialled with.</summary>
    public void OnDialerReplaced(Upstreams.Reign current)
    {
        if (Volatile.Read(ref _attempt) is not { } attempt || !attempt.Reign.IsBefore(current))
            return;
        if (!attempt.TryReplace())
            _flow.Reset();
        else if (Interlocked.CompareExchange(ref _callLimit, null, attempt.Limit) == attempt.Limit)
        {
            // Not here: the wait that this ends may go on at once, with the next dial, and so run user code on the caller's thread.
            _context.Work.Enter();
            ThreadPool.UnsafeQueueUserWorkItem(
                static replaced =>
                {
                    CancelCall(replaced.Limit);
                    replaced.Work.Exit();
                },
                (attempt.Limit, _context.Work),
                preferLocal: false);
        }
    }

    private IStreamDialer NoteAttempt(CallLimit limit, out DialAttempt attempt)
    {
        while (true)
        {
            attempt = new DialAttempt(_context.Upstreams.Current, limit);
            Volatile.Write(ref _attempt, attempt);
            Interlocked.MemoryBarrier();
            if (attempt.Reign == _context.Upstreams.Current)
                return attempt.Reign.Dialer;
        }
    }

    /// <summary>From here on the upstream is ours, and a flow that breaks aborts it.</summary>
    private void TakeOver(StreamConnection upstream)
    {
        // The exchange with Break: the flow is marked as closed, then Break looks for the upstream; it is stored, then the mark looked for.
        Interlocked.Exchange(ref _upstream, upstream);
        if (_flow.IsClosed && _flow.ClosedStatus != NativeStatus.Ok)
            AbortUpstream();
    }

    private void DisposeReplaced(StreamConnection upstream)
    {
        _context.Work.Enter();
        _ = EndAsync(_context, upstream);

        static async Task EndAsync(DeviceContext context, StreamConnection upstream)
        {
            await context.DisposeAsync(upstream).ConfigureAwait(false);
            context.Work.Exit();
        }
    }

    private void Refuse(Exception exception, bool timedOut)
    {
        DeviceCounters counters = _context.Counters;
        Interlocked.Increment(ref counters.DialsFailed);
        if (_flow.IsClosed)
        {
            Interlocked.Increment(ref counters.DialsCancelled);
            _flow.Refuse(TfRefusal.Silent);
            return;
        }

        TfRefusal refusal = TfRefusal.Reset;
        if (timedOut)
        {
            Interlocked.Increment(ref counters.DialsTimedOut);
            LwipLog.DialTimedOut(_context.Log, _flow.Source, _flow.Destination, _context.Options.DialTimeout);
        }
        else
        {
            NetworkError error = _context.Report(exception);
            LwipLog.DialFailed(_context.Log, _flow.Source, _flow.Destination, error, exception);
            refusal = Refusals.From(error);
        }

        // What was accepted can't be refused any more, only reset.
        if (_accepted)
            _flow.Reset();
        else
            _flow.Refuse(refusal);
    }

    /// <summary>One call of the device's dialer: connected, or replaced, whichever happens first.</summary>
    private sealed class DialAttempt(Upstreams.Reign reign, CallLimit limit)
    {
        private const int Dialling = 0;
        private const int Connected = 1;
        private const int Replaced = 2;

        private int _phase;

        public Upstreams.Reign Reign { get; } = reign;

        public CallLimit Limit { get; } = limit;

        public bool IsReplaced => Volatile.Read(ref _phase) == Replaced;

        /// <summary>False if it was replaced.</summary>
        public bool TryConnect() => Interlocked.CompareExchange(ref _phase, Connected, Dialling) == Dialling;

        /// <summary>False if it connected.</summary>
        public bool TryReplace() => Interlocked.CompareExchange(ref _phase, Replaced, Dialling) != Connected;
    }
}
