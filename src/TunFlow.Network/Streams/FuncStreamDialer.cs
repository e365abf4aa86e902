using System.Net;

namespace TunFlow.Network;

internal sealed class FuncStreamDialer(Func<EndPoint, CancellationToken, ValueTask<StreamConnection>> dial) : IStreamDialer
{
    public ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(remote);
        return dial(remote, cancellationToken);
    }
}
