using System.Net;

namespace TunFlow.Network.Resolvers;

/// <summary>The view of an unconnected socket that has one server only: what others send is dropped.</summary>
internal sealed class UdpServerConnection(IPacketConnection socket, IPEndPoint server) : IConnectedPacketConnection
{
    private readonly IPEndPoint _server = server.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(server.Address.MapToIPv4(), server.Port) : server;

    public EndPoint? LocalEndPoint => socket.LocalEndPoint;

    public EndPoint? RemoteEndPoint => _server;

    public ValueTask SendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default) =>
        socket.SendToAsync(payload, _server, cancellationToken);

    public async ValueTask<ReceivedDatagram> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            ReceivedDatagram datagram = await socket.ReceiveFromAsync(buffer, cancellationToken).ConfigureAwait(false);
            if (_server.Equals(datagram.Source))
            {
                return datagram;
            }
        }
    }

    public ValueTask DisposeAsync() => socket.DisposeAsync();
}
