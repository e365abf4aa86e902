using System.Net;
using System.Net.Sockets;
using TunFlow.Devices.Linux.Native;
using TunFlow.Lwip;
using TunFlow.Network;

namespace TunFlow;

/// <summary>Connects plain sockets without the runtime's engine, where it would be registered for good after its first asynchronous call.</summary>
internal static class LoopDialer
{
    public static bool CanDial(IStreamDialer dialer, IPEndPoint remote) =>
        dialer is ISocketDialer sockets && sockets.TryGetTarget(remote, out _, out _);

    public static async Task<StreamConnection> DialAsync(IStreamDialer dialer, IPEndPoint remote, EventLoop loop, IRelayLoop scheduler, CancellationToken cancellationToken)
    {
        if (dialer is not ISocketDialer sockets || !sockets.TryGetTarget(remote, out TcpDialer? tcp, out IPEndPoint? target))
            throw new InvalidOperationException("This dialer's connections are not plain sockets.");
        cancellationToken.ThrowIfCancellationRequested();
        Socket? socket = null;
        LoopConnection? connection = null;
        try
        {
            socket = tcp.CreateSocket(target);
            connection = new LoopConnection(socket, target, loop, scheduler);
            if (!connection.HasPlace)
            {
                // The loop has just ended.
                connection.Abort();
                return await tcp.DialStreamAsync(target, cancellationToken).ConfigureAwait(false);
            }

            bool connected = Connect(socket, target);
            connection.Watch();
            if (!connected)
                await connection.ConnectedAsync(cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch (Exception exception)
        {
            connection?.Abort();
            socket?.Dispose();
            if (exception is OperationCanceledException && cancellationToken.IsCancellationRequested)
                throw;
            throw TcpDialer.Failed(target, exception);
        }
    }

    /// <summary>True if it is connected already, as it may be to this machine itself.</summary>
    private static unsafe bool Connect(Socket socket, IPEndPoint target)
    {
        // Not by Socket.Blocking, which costs three more calls, two of them at its end.
        if (SocketCalls.Control(socket.SafeHandle, SocketCalls.SetFlags, SocketCalls.ReadWrite | SocketCalls.NonBlocking) < 0)
            throw Errno.Exception(Errno.Last, "fcntl");
        SocketAddress address = target.Serialize();
        fixed (byte* bytes = address.Buffer.Span)
        {
            if (SocketCalls.Connect(socket.SafeHandle, bytes, (uint)address.Size) == 0)
                return true;
        }

        int errno = Errno.Last;
        return errno == Errno.InProgress ? false : throw Errno.Exception(errno, "connect");
    }
}
