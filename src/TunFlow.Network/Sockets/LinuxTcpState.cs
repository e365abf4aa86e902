using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>Tells an end of stream from a reset whose error another call was told: the kernel tells it once, afterwards reads return 0.</summary>
internal static class LinuxTcpState
{
    // linux/tcp.h: TCP_INFO, whose first byte is the state; net/tcp_states.h: TCP_CLOSE.
    private const int IpProtoTcp = 6;
    private const int TcpInfo = 11;
    private const byte TcpClose = 7;

    /// <summary>Whether the connection is over. With our own FIN unsent only an RST does that.</summary>
    public static bool IsClosed(Socket socket)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        try
        {
            Span<byte> state = stackalloc byte[1];
            return socket.GetRawSocketOption(IpProtoTcp, TcpInfo, state) == 1 && state[0] == TcpClose;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Not a TCP socket, or closed meanwhile: no more is known than that the stream ended.
            return false;
        }
    }
}
