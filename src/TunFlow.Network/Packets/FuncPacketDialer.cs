using System.Net;

namespace TunFlow.Network;

internal sealed class FuncPacketDialer(Func<EndPoint, CancellationToken, ValueTask<IConnectedPacketConnection>> dial) : IPacketDialer
{
    public ValueTask<IConnectedPacketConnection> DialPacketAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(remote);
        return dial(remote, cancellationToken);
    }
}
