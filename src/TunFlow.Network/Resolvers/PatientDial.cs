namespace TunFlow.Network.Resolvers;

/// <summary>Dialling with dialers of all kinds.</summary>
internal static class PatientDial
{
    /// <summary>Dials, and lets go of a dialer that doesn't listen to its token; a connection that it brings later is disposed.</summary>
    /// <param name="dial">Dials.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async ValueTask<T> RunAsync<T>(Func<CancellationToken, ValueTask<T>> dial, CancellationToken cancellationToken)
        where T : class, IAsyncDisposable
    {
        Task<T> dialling = dial(cancellationToken).AsTask();
        try
        {
            return await dialling.WaitAsync(cancellationToken).ConfigureAwait(false) ?? throw new InvalidOperationException("The dialer returned null.");
        }
        catch (OperationCanceledException)
        {
            _ = DisposeLateAsync(dialling);
            throw;
        }
    }

    private static async Task DisposeLateAsync<T>(Task<T> dialling)
        where T : class, IAsyncDisposable
    {
        await ((Task)dialling).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (dialling is { IsCompletedSuccessfully: true, Result: { } connection })
        {
            try
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                // The query is over; there is nobody to tell.
                _ = exception;
            }
        }
    }
}
