using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>A configurator of one option.</summary>
internal sealed class SocketOption(int level, int name, byte[] value)
{
    public void Set(Socket socket, EndPoint? remote) => socket.SetRawSocketOption(level, name, value);
}
