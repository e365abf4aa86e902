namespace TunFlow.Network;

internal sealed class FuncPacketListener(Func<CancellationToken, ValueTask<IPacketConnection>> listen) : IPacketListener
{
    public ValueTask<IPacketConnection> ListenPacketAsync(CancellationToken cancellationToken = default) => listen(cancellationToken);
}
