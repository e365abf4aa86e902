namespace TunFlow.Network;

internal sealed class FuncStreamEndpoint(Func<CancellationToken, ValueTask<StreamConnection>> connect) : IStreamEndpoint
{
    public ValueTask<StreamConnection> ConnectStreamAsync(CancellationToken cancellationToken = default) => connect(cancellationToken);
}
