namespace TunFlow.Network;

/// <summary>What the two directions of a relay share: the first error, which aborts both connections.</summary>
internal sealed class StreamRelayState(StreamConnection first, StreamConnection second)
{
    private Exception? _error;
    private int _over;

    public Exception? Error => Volatile.Read(ref _error);

    public void Fail(Exception exception)
    {
        if (Interlocked.Exchange(ref _over, 1) == 0)
        {
            Volatile.Write(ref _error, exception);

            // A connection of somebody else's making may throw from anything; the other one has to be told nevertheless.
            Abort(first);
            Abort(second);
        }
    }

    /// <summary>Both directions came to their end: what happens to the connections from now on is no longer the relay's.</summary>
    public void End() => Interlocked.Exchange(ref _over, 1);

    /// <summary>Notices a connection that breaks or is closed while the relay neither reads nor writes it: after a half-close nobody reads, so an RST would go unseen as long as the other side is silent.</summary>
    /// <param name="direction">The direction that writes to the connection.</param>
    public void Watch(StreamRelayDirection direction) => _ = WatchAsync(direction);

    private async Task WatchAsync(StreamRelayDirection direction)
    {
        try
        {
            await direction.Destination.WritesClosed.ConfigureAwait(false);
            if (!direction.IsCompleting)
            {
                throw new NetworkException(NetworkError.Closed, "A connection was closed while it was relayed.");
            }
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }

    private void Abort(StreamConnection connection)
    {
        try
        {
            connection.Abort();
        }
        catch (Exception exception)
        {
            Volatile.Write(ref _error, new AggregateException(_error!, exception));
        }
    }
}
