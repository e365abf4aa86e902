namespace TunFlow.Network;

/// <summary>Slows a receiver down whose transport does nothing but fail, or reports more unreachable destinations than anything was sent to, so that it costs nothing until it is idle.</summary>
/// <remarks>Used by one receiver at a time; <see cref="Stop"/> may come from anywhere.</remarks>
internal sealed class ReceiveBackOff(TimeProvider timeProvider)
{
    // Errors in a row that are taken for bad datagrams.
    private const int ErrorsBeforeDelay = 16;
    private const int LongestDelayMilliseconds = 250;

    private static readonly Action<object?> s_cancel = static state => ((CancellationTokenSource)state!).Cancel();

    private CancellationTokenSource? _delaying;
    private volatile bool _stopped;
    private int _errors;
    private long _reports;

    /// <summary>Something was received.</summary>
    public void Reset() => _errors = 0;

    /// <summary>Waits, if there were many errors in a row.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public ValueTask AfterErrorAsync(CancellationToken cancellationToken)
    {
        _errors++;
        return _errors <= ErrorsBeforeDelay ? ValueTask.CompletedTask : DelayAsync(_errors - ErrorsBeforeDelay, throws: true, cancellationToken);
    }

    /// <summary>Waits, if there were clearly more reports of unreachable destinations than datagrams that they can be about. A burst of true ones is never slowed down: behind it waits what others answered.</summary>
    /// <param name="sent">How many datagrams were sent so far.</param>
    /// <param name="cancellationToken">Ends the wait, without an exception.</param>
    public ValueTask AfterReportAsync(long sent, CancellationToken cancellationToken)
    {
        _reports++;
        long excess = _reports - sent - ErrorsBeforeDelay;
        return excess <= 0 ? ValueTask.CompletedTask : DelayAsync((int)Math.Min(excess, int.MaxValue), throws: false, cancellationToken);
    }

    /// <summary>Ends a delay, and prevents further ones.</summary>
    public void Stop()
    {
        _stopped = true;
        Interlocked.MemoryBarrier();
        Volatile.Read(ref _delaying)?.Cancel();
    }

    private async ValueTask DelayAsync(int errors, bool throws, CancellationToken cancellationToken)
    {
        // Never disposed, for Stop may come at any time; without timer and wait handle there is nothing to dispose.
        CancellationTokenSource delaying = new();
        Volatile.Write(ref _delaying, delaying);
        Interlocked.MemoryBarrier();
        if (_stopped)
        {
            return;
        }

        TimeSpan delay = TimeSpan.FromMilliseconds(Math.Min(1 << Math.Min(errors, 10), LongestDelayMilliseconds));
        using (cancellationToken.UnsafeRegister(s_cancel, delaying))
        {
            try
            {
                await Task.Delay(delay, timeProvider, delaying.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                if (throws)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                }
            }
        }
    }
}
