using System.Net.Sockets;

namespace TunFlow.Network;

/// <content>Adapting any stream.</content>
public abstract partial class StreamConnection
{
    /// <summary>Makes a connection of any readable and writable stream: <c>SslStream</c>, <c>NetworkStream</c>, a pipe, a WebSocket stream.</summary>
    /// <param name="stream">The stream, owned by the connection from now on.</param>
    /// <param name="options">How to half-close and abort it, and its endpoints. By default a <c>NetworkStream</c> shuts its socket down, an <c>SslStream</c> sends close_notify, a <see cref="StreamConnection"/> does it itself, and any other stream can't half-close: <see cref="CompleteWritesAsync"/> then only ends writing on this side.</param>
    /// <remarks>Reads and writes through an adapted stream allocate. A write to an <c>SslStream</c> that has started can't be cancelled, and <see cref="CompleteWritesAsync"/> on it ends writing even if the wait for it is cancelled. It sends for a moment the pending read away from the transport, whose reads have to heed their token therefore, as those of sockets and connections do: over one that doesn't it waits until the peer sends something. An <c>SslStream</c> can be reset only through <see cref="StreamConnectionOptions.Transport"/> or <see cref="StreamConnectionOptions.Abort"/>; without them aborting just closes the transport, and only the missing close_notify tells the peer.</remarks>
    /// <returns>The connection; <paramref name="stream"/> itself if it is a <see cref="StreamConnection"/> already and there are no options.</returns>
    /// <exception cref="ArgumentException">The stream can't be read or can't be written.</exception>
    public static StreamConnection Create(Stream stream, StreamConnectionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.CanRead || !stream.CanWrite)
        {
            throw new ArgumentException("The stream must be readable and writable.", nameof(stream));
        }

        return stream is StreamConnection connection && options is null
            ? connection
            : new AdaptedStreamConnection(stream, options ?? new StreamConnectionOptions());
    }

    /// <summary>Makes a connection of a connected stream socket.</summary>
    /// <param name="socket">The socket, owned by the connection from now on.</param>
    /// <returns>The connection.</returns>
    /// <exception cref="ArgumentException">The socket isn't a connected stream socket. It stays the caller's.</exception>
    public static StreamConnection Create(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        return socket.SocketType == SocketType.Stream && socket.Connected
            ? new SocketStreamConnection(socket)
            : throw new ArgumentException("The socket must be a connected stream socket.", nameof(socket));
    }
}
