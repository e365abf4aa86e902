using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>Takes the results of socket calls that have completed without waiting.</summary>
internal static class CompletedCall
{
    /// <summary>
    /// Takes the result if the call succeeded. Otherwise it is left in <paramref name="call"/> for somebody who awaits it: a disposal or cancellation
    /// by another thread can make a failure of it even between the question for its success and that for its result.
    /// </summary>
    public static bool TryTake(ref ValueTask<int> call, out int result)
    {
        result = 0;
        if (!call.IsCompletedSuccessfully)
        {
            return false;
        }

        try
        {
            result = call.Result;
            call = ValueTask.FromResult(result);
            return true;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            call = ValueTask.FromException<int>(exception);
            return false;
        }
    }
}
