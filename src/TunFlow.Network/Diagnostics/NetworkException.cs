using System.Net;

namespace TunFlow.Network;

/// <summary>The error of every network operation of this library. <see cref="Exception.HResult"/> holds the native status where there is one (errno, Winsock code, status of the native stack).</summary>
public class NetworkException : IOException
{
    /// <summary>Creates an exception with <see cref="NetworkError.Unknown"/>.</summary>
    public NetworkException()
        : this(NetworkError.Unknown)
    {
    }

    /// <summary>Creates an exception with <see cref="NetworkError.Unknown"/>.</summary>
    /// <param name="message">What happened.</param>
    public NetworkException(string? message)
        : base(message)
    {
    }

    /// <summary>Creates an exception whose error is that of <paramref name="innerException"/>.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public NetworkException(string? message, Exception? innerException)
        : base(message, innerException)
    {
        if (innerException is not null)
        {
            Error = NetworkErrors.Classify(innerException);
            HResult = NetworkErrors.NativeStatus(innerException) ?? HResult;
        }
    }

    /// <summary>Creates an exception.</summary>
    /// <param name="error">What went wrong.</param>
    /// <param name="message">What happened, or null for a text made from <paramref name="error"/>.</param>
    /// <param name="innerException">The cause.</param>
    public NetworkException(NetworkError error, string? message = null, Exception? innerException = null)
        : base(message ?? NetworkErrors.Describe(error), innerException)
    {
        Error = error;
        if (innerException is not null)
        {
            HResult = NetworkErrors.NativeStatus(innerException) ?? HResult;
        }
    }

    /// <summary>Creates an exception with a native status.</summary>
    /// <param name="error">What went wrong.</param>
    /// <param name="message">What happened, or null for a text made from <paramref name="error"/>.</param>
    /// <param name="nativeStatus">The value for <see cref="Exception.HResult"/>.</param>
    public NetworkException(NetworkError error, string? message, int nativeStatus)
        : base(message ?? NetworkErrors.Describe(error))
    {
        Error = error;
        HResult = nativeStatus;
    }

    /// <summary>What went wrong.</summary>
    public NetworkError Error { get; }

    /// <summary>For an error that an earlier datagram caused: where that datagram was sent to. Null for all others.</summary>
    public IPEndPoint? Destination { get; init; }
}
