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
            first.Abort();
            second.Abort();
        }
    }

    /// <summary>Both directions came to their end: what happens to the connections from now on is no longer the relay's.</summary>
    public void End() => Interlocked.Exchange(ref _over, 1);

    /// <summary>Notices a connection that breaks while the relay neither reads nor writes it: after a half-close nobody reads, so an RST would go unseen as long as the other side is silent.</summary>
    public void Watch(StreamConnection connection) => _ = WatchAsync(connection);

    private async Task WatchAsync(StreamConnection connection)
    {
        try
        {
            await connection.WritesClosed.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }
}
