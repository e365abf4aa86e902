using System.Net;
using System.Net.Sockets;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests;

/// <summary>What must not be: it opens sockets that nobody can configure. The control of the checks.</summary>
public sealed class CarelessDialer : IStreamDialer
{
    /// <inheritdoc/>
    public async ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        Socket socket = remote is IPEndPoint address
            ? new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
            : new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(remote, cancellationToken);
        return StreamConnection.Create(socket);
    }
}
