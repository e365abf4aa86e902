using System.Net;

namespace TunFlow.Network;

/// <summary>What a datagram socket's exceptions mean to its caller.</summary>
internal static class DatagramErrors
{
    /// <summary>The exception for a call.</summary>
    /// <param name="exception">What the socket threw.</param>
    /// <param name="owner">Whose call it was.</param>
    /// <param name="isDisposed">Whether the owner was disposed.</param>
    /// <param name="peer">Who refuses if somebody does, if only one can.</param>
    /// <param name="cancellationToken">The caller's.</param>
    public static Exception Translate(Exception exception, object owner, bool isDisposed, IPEndPoint? peer, CancellationToken cancellationToken)
    {
        if (isDisposed)
        {
            return new ObjectDisposedException(owner.GetType().FullName);
        }

        if (exception is OperationCanceledException)
        {
            return new OperationCanceledException(exception.Message, exception, cancellationToken);
        }

        NetworkError error = NetworkErrors.Classify(exception);
        if (error is NetworkError.ConnectionRefused or NetworkError.ConnectionReset)
        {
            // What a datagram socket calls refused, or reset on Windows, is an ICMP port unreachable.
            error = NetworkError.PortUnreachable;
        }

        return new NetworkException(error, exception.Message, exception) { Destination = error == NetworkError.PortUnreachable ? peer : null };
    }
}
