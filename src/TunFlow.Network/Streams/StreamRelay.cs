namespace TunFlow.Network;

/// <summary>Joins two connections: what is read from one is written to the other, in both directions, until both ended.</summary>
/// <remarks>
/// An end of stream is passed on as a half-close and the other direction goes on. An error on either side, one that is disposed by somebody else, or
/// the cancelling of the relay aborts both connections, so that neither peer can take a cut stream for a complete one. Neither connection is disposed. While nothing comes no buffer is held
/// (otherwise one of 64 KiB per direction), if the source can tell when something does (<see cref="StreamConnection.CanWaitForData"/>).
/// </remarks>
public static class StreamRelay
{
    /// <summary>Relays until both directions ended.</summary>
    /// <param name="first">A connection that nobody else uses meanwhile.</param>
    /// <param name="second">Another connection that nobody else uses meanwhile.</param>
    /// <param name="cancellationToken">Aborts both connections.</param>
    /// <returns>The bytes moved and the error, if there was one: this method doesn't throw what the connections throw. It returns when both directions let their connections go, which takes as long as calls on an aborted connection do.</returns>
    /// <exception cref="ArgumentException">Both are the same connection.</exception>
    public static async Task<StreamRelayResult> RunAsync(StreamConnection first, StreamConnection second, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (ReferenceEquals(first, second))
        {
            throw new ArgumentException("A connection can't be relayed to itself.", nameof(second));
        }

        StreamRelayState state = new(first, second);
        CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((StreamRelayState)state!).Fail(new OperationCanceledException(token)), state);
        await using (registration.ConfigureAwait(false))
        {
            StreamRelayDirection forth = new(first, second, state);
            StreamRelayDirection back = new(second, first, state);
            state.Watch(forth);
            state.Watch(back);
            await Task.WhenAll(forth.RunAsync(), back.RunAsync()).ConfigureAwait(false);
            state.End();
            return new StreamRelayResult(forth.Bytes, back.Bytes, state.Error);
        }
    }
}
