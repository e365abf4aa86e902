namespace TunFlow.Network.Relays;

/// <summary>Slows a receiver down whose transport does nothing but fail, so that it costs nothing until it is idle.</summary>
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

    /// <summary>Something was received.</summary>
    public void Reset() => _errors = 0;

    /// <summary>Waits, if there were many errors in a row.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public ValueTask AfterErrorAsync(CancellationToken cancellationToken)
    {
        _errors++;
        return _errors <= ErrorsBeforeDelay ? ValueTask.CompletedTask : DelayAsync(_errors - ErrorsBeforeDelay, cancellationToken);
    }

    /// <summary>Ends a delay, and prevents further ones.</summary>
    public void Stop()
    {
        _stopped = true;
        Interlocked.MemoryBarrier();
        Volatile.Read(ref _delaying)?.Cancel();
    }

    private async ValueTask DelayAsync(int errors, CancellationToken cancellationToken)
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
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }
}
