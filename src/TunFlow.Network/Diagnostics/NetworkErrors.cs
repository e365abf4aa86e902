using System.Net.Http;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>Tells what any exception means for the network: walks inner exceptions and the platform's own types.</summary>
public static class NetworkErrors
{
    // Bounds the walk: exceptions that contain themselves have been seen in the wild, and a chain this long says nothing new.
    private const int MaxDepth = 16;

    /// <summary>Finds the network error behind an exception.</summary>
    /// <param name="exception">Any exception, also a wrapper around the one of interest.</param>
    /// <returns>The first error found on the way inwards, or <see cref="NetworkError.Unknown"/>.</returns>
    public static NetworkError Classify(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return Classify(exception, MaxDepth);
    }

    /// <summary>Tells whether an exception means the given error.</summary>
    /// <param name="exception">Any exception, or null.</param>
    /// <param name="error">The error to look for.</param>
    public static bool Is(Exception? exception, NetworkError error) => exception is not null && Classify(exception) == error;

    /// <summary>Wraps an exception of the platform's sockets or streams. A <see cref="NetworkException"/> comes back as it is.</summary>
    /// <param name="exception">The exception.</param>
    /// <param name="message">What happened, or null to keep the exception's own text.</param>
    public static NetworkException Wrap(Exception exception, string? message = null)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception as NetworkException ?? new NetworkException(Classify(exception), message ?? exception.Message, exception);
    }

    /// <summary>Translates a socket error code.</summary>
    /// <param name="error">The code.</param>
    public static NetworkError FromSocketError(SocketError error) => error switch
    {
        SocketError.MessageSize => NetworkError.MessageTooLarge,
        SocketError.ConnectionRefused => NetworkError.ConnectionRefused,
        SocketError.HostUnreachable or SocketError.HostDown => NetworkError.HostUnreachable,
        SocketError.NetworkUnreachable or SocketError.NetworkDown => NetworkError.NetworkUnreachable,
        SocketError.TimedOut => NetworkError.TimedOut,
        SocketError.ConnectionReset or SocketError.NetworkReset => NetworkError.ConnectionReset,
        SocketError.ConnectionAborted or SocketError.Shutdown => NetworkError.ConnectionAborted,
        SocketError.AccessDenied => NetworkError.AccessDenied,
        SocketError.AddressAlreadyInUse => NetworkError.AddressInUse,
        SocketError.AddressNotAvailable => NetworkError.AddressNotAvailable,
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain or SocketError.NoRecovery => NetworkError.NameNotResolved,
        SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable or SocketError.ProcessLimit => NetworkError.ResourceExhausted,
        SocketError.AddressFamilyNotSupported or SocketError.ProtocolNotSupported or SocketError.OperationNotSupported
            or SocketError.ProtocolFamilyNotSupported or SocketError.SocketNotSupported => NetworkError.NotSupported,
        SocketError.Disconnecting or SocketError.NotConnected or SocketError.NotSocket => NetworkError.Closed,
        _ => NetworkError.Unknown,
    };

    internal static string Describe(NetworkError error) => error switch
    {
        NetworkError.Closed => "The network object is closed.",
        NetworkError.MessageTooLarge => "The packet is larger than the transport carries.",
        NetworkError.PortUnreachable => "The remote port is unreachable.",
        NetworkError.ConnectionRefused => "The remote host refused the connection.",
        NetworkError.HostUnreachable => "The remote host is unreachable.",
        NetworkError.NetworkUnreachable => "There is no route to the remote network.",
        NetworkError.TimedOut => "The remote host did not answer in time.",
        NetworkError.ConnectionReset => "The connection was reset by the peer.",
        NetworkError.ConnectionAborted => "The connection was ended by this side.",
        NetworkError.AccessDenied => "The system does not allow this operation.",
        NetworkError.AddressInUse => "The local address is already in use.",
        NetworkError.AddressNotAvailable => "The address is not available.",
        NetworkError.NameNotResolved => "The host name could not be resolved.",
        NetworkError.ResourceExhausted => "A limit of the system or of this library was reached.",
        NetworkError.NotSupported => "The operation is not supported here.",
        NetworkError.ProtocolViolation => "The peer broke the protocol.",
        _ => "The network operation failed.",
    };

    internal static int? NativeStatus(Exception exception)
    {
        for (int depth = 0; depth < MaxDepth; depth++)
        {
            switch (exception)
            {
                case NetworkException network:
                    return network.HResult;
                case SocketException socket:
                    // The errno on Unix (NativeErrorCode), the Winsock code on Windows.
                    return socket.NativeErrorCode;
                case { InnerException: { } inner }:
                    exception = inner;
                    break;
                default:
                    return null;
            }
        }

        return null;
    }

    private static NetworkError Classify(Exception exception, int depth)
    {
        if (depth == 0)
        {
            return NetworkError.Unknown;
        }

        NetworkError own = exception switch
        {
            NetworkException network => network.Error,
            ObjectDisposedException => NetworkError.Closed,
            SocketException socket => FromSocketError(socket.SocketErrorCode),
            TimeoutException => NetworkError.TimedOut,
            UnauthorizedAccessException => NetworkError.AccessDenied,
            PlatformNotSupportedException => NetworkError.NotSupported,
            _ => NetworkError.Unknown,
        };

        if (own != NetworkError.Unknown)
        {
            return own;
        }

        if (exception is AggregateException aggregate)
        {
            foreach (Exception inner in aggregate.InnerExceptions)
            {
                NetworkError found = Classify(inner, depth - 1);
                if (found != NetworkError.Unknown)
                {
                    return found;
                }
            }

            return NetworkError.Unknown;
        }

        NetworkError cause = exception.InnerException is { } next ? Classify(next, depth - 1) : NetworkError.Unknown;
        return cause == NetworkError.Unknown && exception is HttpRequestException http ? FromHttp(http.HttpRequestError) : cause;
    }

    private static NetworkError FromHttp(HttpRequestError error) => error switch
    {
        HttpRequestError.NameResolutionError => NetworkError.NameNotResolved,
        HttpRequestError.ResponseEnded => NetworkError.Closed,
        HttpRequestError.HttpProtocolError or HttpRequestError.InvalidResponse => NetworkError.ProtocolViolation,
        _ => NetworkError.Unknown,
    };
}
