namespace TunFlow.Network;

/// <content>What runs beside the loop, and its end.</content>
internal sealed partial class HappyEyeballsDial
{
    private async Task LookUpAsync(CancellationToken lookupCancelled)
    {
        try
        {
            IAsyncEnumerable<HappyEyeballsResolution> results = lookup(remote.Host, lookupCancelled)
                ?? throw new InvalidOperationException("The lookup returned null.");
            int count = 0;
            await foreach (HappyEyeballsResolution resolution in results.WithCancellation(lookupCancelled).ConfigureAwait(false))
            {
                if (!Post(new HappyEyeballsEvent.Resolved(resolution)) || ++count == MaxResolutions)
                {
                    break;
                }
            }
        }
        catch (Exception exception)
        {
            // After the end nobody takes this event: nobody needs the lookup any more.
            Post(new HappyEyeballsEvent.Resolved(new HappyEyeballsResolution(exception)));
        }

        Post(new HappyEyeballsEvent.LookupEnded());
    }

    private async Task ConnectAsync(HappyEyeballsAttempt attempt)
    {
        StreamConnection connection;
        try
        {
            connection = await dialer.DialStreamAsync(attempt.Remote, attempt.Cancellation.Token).ConfigureAwait(false)
                ?? throw new InvalidOperationException("The dialer returned null.");
        }
        catch (Exception exception)
        {
            // After the end this is how losers go.
            Post(new HappyEyeballsEvent.Failed(attempt, exception));
            return;
        }

        if (!Post(new HappyEyeballsEvent.Connected(attempt, connection)))
        {
            await DisposeLoserAsync(connection).ConfigureAwait(false);
        }
    }

    private void End()
    {
        _events.Writer.Complete();
        _resolutionTimer?.Dispose();
        _attemptTimer?.Dispose();
        while (_events.Reader.TryRead(out HappyEyeballsEvent? late))
        {
            if (late is HappyEyeballsEvent.Connected { Connection: var loser })
            {
                _ = DisposeLoserAsync(loser);
            }
        }

        _ = CancelAsync(_lookupCancellation);
        foreach (HappyEyeballsAttempt attempt in _running)
        {
            _ = CancelAsync(attempt.Cancellation);
        }
    }

    // On the pool: callbacks of tokens and the dialer's own code may block or throw, and the result shall not wait for it.
    private static async Task CancelAsync(CancellationTokenSource cancellation)
    {
        try
        {
            await cancellation.CancelAsync().ConfigureAwait(false);
        }
        catch (AggregateException exception)
        {
            // A loser's own callbacks failed. It was cancelled all the same, and nobody waits for it who could be told.
            _ = exception;
        }
        finally
        {
            // Takes the link to the caller's token away, which may live long.
            cancellation.Dispose();
        }
    }

    private static async Task DisposeLoserAsync(StreamConnection loser)
    {
        try
        {
            await loser.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // As above: there is nobody to tell, and the race has its result.
            _ = exception;
        }
    }
}
