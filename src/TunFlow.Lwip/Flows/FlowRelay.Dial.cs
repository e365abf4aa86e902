using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>Dialling, and dialling again when the device's dialer is replaced meanwhile.</content>
/// <remarks>
/// Who replaces the dialer stores the new one and then looks at every relay; a relay notes its dialler and then looks whether it still reigns. One of
/// them sees the other. <see cref="_phase"/> settles who comes first: a dial that ends, or its replacement.
/// </remarks>
internal sealed partial class FlowRelay
{
    private const int PhaseDialling = 0;
    private const int PhaseConnected = 1;
    private const int PhaseReplaced = 2;

    private Upstreams.Reign? _reign;
    private int _phase;

    /// <summary>Dials and takes the upstream over; on failure the flow is refused, or reset, and the result is false.</summary>
    private async Task<bool> DialAsync(IStreamDialer? chosen, long deadline)
    {
        while (true)
        {
            Volatile.Write(ref _reign, null);
            Volatile.Write(ref _phase, PhaseDialling);
            CallLimit limit = BeginCall(deadline);
            Task<StreamConnection>? dial = null;
            try
            {
                IStreamDialer dialer = chosen ?? NoteReign().Dialer;
                Interlocked.Increment(ref _context.Counters.Dials);
                long started = _context.Options.TimeProvider.GetTimestamp();
                dial = dialer.DialStreamAsync(_flow.Destination, limit.Token).AsTask();
                // A dialer may ignore its token; the application's wait must not depend on that.
                StreamConnection upstream = await dial.WaitAsync(limit.Ended).ConfigureAwait(false)
                    ?? throw new InvalidOperationException("The dialer returned no connection.");
                if (Interlocked.CompareExchange(ref _phase, PhaseConnected, PhaseDialling) == PhaseDialling)
                {
                    Volatile.Write(ref _upstream, upstream);
                    Interlocked.Increment(ref _context.Counters.DialsSucceeded);
                    _context.Metrics?.Dialled(_context.Options.TimeProvider.GetElapsedTime(started));
                    return true;
                }

                await _context.DisposeAsync(upstream).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                if (dial is { IsFaulted: false, IsCanceled: false })
                    _ = DisposeLateAsync(dial);
                // Looked at, or a dial that failed just when its time was up would be reported as unobserved.
                _ = dial?.Exception;
                if (Volatile.Read(ref _phase) != PhaseReplaced || _flow.IsClosed)
                {
                    Refuse(exception, timedOut: limit.Ended.IsCancellationRequested && exception is OperationCanceledException);
                    return false;
                }
            }
            finally
            {
                EndCall();
            }
        }
    }

    /// <summary>Another dialer took the place of the one that this flow was, or is being, dialled with.</summary>
    public void OnDialerReplaced(Upstreams.Reign current)
    {
        if (Volatile.Read(ref _reign) is not { } reign || reign == current)
            return;
        if (Interlocked.CompareExchange(ref _phase, PhaseReplaced, PhaseDialling) == PhaseConnected)
            _flow.Reset();
        else if (Interlocked.Exchange(ref _callLimit, null) is { } limit)
            CancelCall(limit);
    }

    private Upstreams.Reign NoteReign()
    {
        while (true)
        {
            Upstreams.Reign reign = _context.Upstreams.Current;
            Volatile.Write(ref _reign, reign);
            Interlocked.MemoryBarrier();
            if (reign == _context.Upstreams.Current)
                return reign;
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

    private async Task DisposeLateAsync(Task<StreamConnection> dial)
    {
        try
        {
            StreamConnection? upstream = await dial.ConfigureAwait(false);
            await _context.DisposeAsync(upstream).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            _context.Report(exception);
        }
    }
}
