using TunFlow.Network;

namespace TunFlow.Proxies;

/// <summary>What is left over when a dial fails or is given up. Nobody is there to be told of what it still throws: the failure itself is on its way.</summary>
internal static class Abandoned
{
    /// <summary>Disposes a connection.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="abort">Whether to reset it first: the server needn't finish what it is doing for nobody.</param>
    public static async ValueTask DisposeAsync(StreamConnection connection, bool abort)
    {
        try
        {
            if (abort)
            {
                connection.Abort();
            }

            await connection.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // A connection of somebody else's making that breaks its contract.
            _ = exception;
        }
    }

    /// <summary>Disposes what a task may still bring.</summary>
    public static async Task DisposeLateAsync(Task<Socks5Tunnel> late)
    {
        await ((Task)late).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (late.IsCompletedSuccessfully)
        {
            await DisposeAsync((await late.ConfigureAwait(false)).Connection, abort: true).ConfigureAwait(false);
        }
    }

    /// <summary>Takes note of a task's exception, so that it isn't reported as unobserved.</summary>
    public static void Observe(Task? task) =>
        task?.ContinueWith(static failed => _ = failed.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
