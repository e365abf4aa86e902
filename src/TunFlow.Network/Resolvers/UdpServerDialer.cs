using System.Net;

namespace TunFlow.Network.Resolvers;

/// <summary>Opens UDP sockets of the system that talk to one server only.</summary>
internal sealed class UdpServerDialer(SocketConfigurator? configurator) : IPacketDialer
{
    private readonly UdpListener _listener = new(configurator);

    public async ValueTask<IConnectedPacketConnection> DialPacketAsync(EndPoint remote, CancellationToken cancellationToken = default) =>
        new UdpServerConnection(await _listener.ListenPacketAsync(cancellationToken).ConfigureAwait(false), (IPEndPoint)remote);
}
