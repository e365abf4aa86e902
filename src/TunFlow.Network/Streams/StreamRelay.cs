namespace TunFlow.Network;

/// <summary>Joins two connections: what is read from one is written to the other, in both directions, until both ended.</summary>
/// <remarks>
/// An end of stream is passed on as a half-close and the other direction goes on. An error on either side, or the cancelling of the relay, aborts both
/// connections, so that neither peer can take a cut stream for a complete one. Neither connection is disposed. While nothing comes no buffer is held
/// (otherwise one of 64 KiB per direction), if the source can tell when something does (<see cref="StreamConnection.CanWaitForData"/>).
/// </remarks>
public static class StreamRelay
{
    /// <summary>Relays until both directions ended.</summary>
    /// <param name="first">A connection that nobody else uses meanwhile.</param>
    /// <param name="second">Another connection that nobody else uses meanwhile.</param>
    /// <param name="cancellationToken">Aborts both connections.</param>
    /// <returns>The bytes moved and the error, if there was one: this method doesn't throw what the connections throw.</returns>
    public static async Task<StreamRelayResult> RunAsync(StreamConnection first, StreamConnection second, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);

        StreamRelayState state = new(first, second);
        CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((StreamRelayState)state!).Fail(new OperationCanceledException(token)), state);
        await using (registration.ConfigureAwait(false))
        {
            state.Watch(first);
            state.Watch(second);
            StreamRelayDirection forth = new(first, second, state);
            StreamRelayDirection back = new(second, first, state);
            await Task.WhenAll(forth.RunAsync(), back.RunAsync()).ConfigureAwait(false);
            state.End();
            return new StreamRelayResult(forth.Bytes, back.Bytes, state.Error);
        }
    }
}
