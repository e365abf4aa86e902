namespace TunFlow.Network;

internal sealed class FuncPacketEndpoint(Func<CancellationToken, ValueTask<IConnectedPacketConnection>> connect) : IPacketEndpoint
{
    public ValueTask<IConnectedPacketConnection> ConnectPacketAsync(CancellationToken cancellationToken = default) => connect(cancellationToken);
}
