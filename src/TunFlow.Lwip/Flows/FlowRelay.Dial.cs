using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>From the SYN to the handshake's end: dial first, then answer truthfully.</content>
internal sealed partial class FlowRelay
{
    /// <summary>Between attempts to accept while too many handshakes are under way.</summary>
    private static readonly TimeSpan AcceptRetry = TimeSpan.FromMilliseconds(50);

    /// <summary>Dials; on failure the flow is refused and the result is null.</summary>
    private async Task<StreamConnection?> DialAsync()
    {
        if (_flow.IsClosed)
        {
            _flow.Refuse(TfRefusal.Silent);
            return null;
        }

        DeviceCounters counters = _context.Counters;
        CallLimit limit = new(_context);
        CancellationToken ended = limit.Ended;
        Volatile.Write(ref _dialLimit, limit);
        // The exchange with Break: it cancels what it finds in _dialLimit, so look for the end after storing it.
        Interlocked.MemoryBarrier();
        if (_flow.IsClosed)
            Break();

        Interlocked.Increment(ref counters.Dials);
        Task<StreamConnection>? dial = null;
        try
        {
            dial = _context.Dialer.DialStreamAsync(_flow.Destination, limit.Token).AsTask();
            // A dialer may ignore its token; the application's wait must not depend on that.
            return await dial.WaitAsync(ended).ConfigureAwait(false)
                ?? throw new InvalidOperationException("The dialer returned no connection.");
        }
        catch (Exception exception)
        {
            if (dial is { IsFaulted: false, IsCanceled: false })
                _ = DisposeLateAsync(dial);
            // Looked at, or a dial that failed just when its time was up would be reported as unobserved.
            _ = dial?.Exception;
            Refuse(exception, timedOut: ended.IsCancellationRequested && exception is OperationCanceledException);
            return null;
        }
        finally
        {
            // Whoever takes it out disposes it: here, or Break.
            Interlocked.Exchange(ref _dialLimit, null)?.Dispose();
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

        if (timedOut)
        {
            Interlocked.Increment(ref counters.DialsTimedOut);
            _flow.Refuse(TfRefusal.Reset);
            return;
        }

        _flow.Refuse(Refusals.From(_context.Report(exception)));
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

    /// <summary>Completes the handshake with the application. False if it went away.</summary>
    private async Task<bool> AcceptAsync()
    {
        int status = _flow.Accept();
        // The SYN stays pending, and the native stack ends it when it waited too long.
        while (status == NativeStatus.Limit && !_flow.IsClosed)
        {
            await Task.Delay(AcceptRetry, _context.Options.TimeProvider).ConfigureAwait(false);
            status = _flow.Accept();
        }

        return status >= 0 && await _flow.WaitOpenAsync(CancellationToken.None).ConfigureAwait(false);
    }
}
