using System.Net;
using System.Net.Sockets;
using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>From the SYN to an open flow with its upstream: policy, dial and answer in the order that the mode asks for.</content>
internal sealed partial class FlowRelay
{
    /// <summary>True once the flow is open and has its upstream; false if it was refused or ended.</summary>
    private async Task<bool> OpenAsync()
    {
        // Until the SYN is answered the application waits; policy and dial together may take no longer than the dial time-out.
        long deadline = DialDeadline();
        if (await DecideAsync(deadline).ConfigureAwait(false) is not { } decision)
            return false;
        AcceptMode mode = decision.AcceptMode ?? _context.Options.AcceptMode;
        if (mode == AcceptMode.DialFirst)
            return await DialAsync(decision.Dialer, deadline).ConfigureAwait(false) && await AcceptAsync().ConfigureAwait(false);

        if (!await AcceptAsync().ConfigureAwait(false))
            return false;
        _accepted = true;
        if (mode == AcceptMode.DialAtFirstPayload)
            await WaitForPayloadAsync().ConfigureAwait(false);
        return await DialAcceptedAsync(decision.Dialer).ConfigureAwait(false);
    }

    /// <summary>Asks the policy. Null if the flow was refused.</summary>
    private async Task<FlowDecision?> DecideAsync(long deadline)
    {
        if (_context.IsLoop(_flow.Source, _flow.Destination))
        {
            _flow.Refuse(TfRefusal.Reset);
            return null;
        }

        if (_context.Options.Policy is not { } policy)
            return FlowDecision.Accept;
        FlowDecision decision;
        CallLimit limit = BeginCall(deadline);
        try
        {
            decision = await _context.AskAsync(policy, new FlowInfo(ProtocolType.Tcp, _flow.Source, _flow.Destination), limit).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            if (!_flow.IsClosed)
            {
                _context.Report(exception);
                LwipLog.PolicyFailed(_context.Log, _flow.Source, _flow.Destination, exception);
                Interlocked.Increment(ref _context.Counters.PolicyFailures);
            }

            _flow.Refuse(_flow.IsClosed ? TfRefusal.Silent : TfRefusal.Reset);
            return null;
        }
        finally
        {
            EndCall();
        }

        if (decision.Verdict == FlowVerdict.Accept)
            return decision;
        Interlocked.Increment(ref _context.Counters.PolicyRefusals);
        LwipLog.PolicyRefused(_context.Log, _flow.Source, _flow.Destination);
        _flow.Refuse(decision.Verdict == FlowVerdict.Drop ? TfRefusal.Silent : Refusals.From(decision.Error));
        return null;
    }

    /// <summary>Completes the handshake with the application. False if it went away.</summary>
    private async Task<bool> AcceptAsync() => _flow.Accept() >= 0 && await _flow.WaitOpenAsync(CancellationToken.None).ConfigureAwait(false);

    /// <summary>Dials for a flow that is open already. What the application sends meanwhile waits in its receive window.</summary>
    private async Task<bool> DialAcceptedAsync(IStreamDialer? dialer)
    {
        long deadline = DialDeadline();
        IPAddress source = _flow.Source.Address;
        CallLimit limit = BeginCall(deadline);
        try
        {
            await _context.AcceptedDials.EnterAsync(source, limit.Ended).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception)
        {
            // One whose turn didn't come in time counts as a dial that took too long; one that was given up, not at all.
            if (_flow.IsClosed)
                return false;
            Interlocked.Increment(ref _context.Counters.Dials);
            await LeaveLoopAsync();
            Refuse(exception, timedOut: true);
            return false;
        }
        finally
        {
            EndCall();
        }

        try
        {
            // Gone while it waited, for its turn or to speak: nobody would use the upstream.
            return !_flow.IsClosed && await DialAsync(dialer, deadline).ConfigureAwait(false);
        }
        finally
        {
            _context.AcceptedDials.Exit(source);
        }
    }

    /// <summary>Until there is something to send, the flow ends, or the server may be the one to speak first.</summary>
    private async Task WaitForPayloadAsync()
    {
        using CancellationTokenSource longest = new(_context.Options.FirstPayloadTimeout, _context.Options.TimeProvider);
        try
        {
            await _flow.WaitPayloadAsync(longest.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The application waits for the server.
        }
    }

    private long DialDeadline()
    {
        TimeProvider time = _context.Options.TimeProvider;
        return time.GetTimestamp() + (long)(_context.Options.DialTimeout.TotalSeconds * time.TimestampFrequency);
    }

    /// <summary>Starts to bound a call into user code, together with those before it that had the same deadline.</summary>
    private CallLimit BeginCall(long deadline)
    {
        TimeProvider time = _context.Options.TimeProvider;
        TimeSpan left = time.GetElapsedTime(time.GetTimestamp(), deadline);
        CallLimit limit = new(_context, left > TimeSpan.Zero ? left : TimeSpan.Zero);
        Volatile.Write(ref _callLimit, limit);
        // The exchange with those who cancel: they store why, then cancel what they find in _callLimit; so look for that after storing it.
        Interlocked.MemoryBarrier();
        if (_flow.IsClosed)
            Break();
        return limit;
    }

    /// <summary>Whoever takes the limit out ends it: here, or who cancels it.</summary>
    private void EndCall() => Interlocked.Exchange(ref _callLimit, null)?.Dispose();

    /// <summary>Not disposed: its time-out may be cancelling it right now, on another thread, and a disposal would keep it from telling those who wait. A cancelled source has stopped its clock.</summary>
    private static void CancelCall(CallLimit limit) => limit.Cancel();
}
