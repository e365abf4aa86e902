using System.Diagnostics.CodeAnalysis;
using System.Net;
using TunFlow.Network;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>Dials a port of the loopback, whatever is asked for, by plain sockets: the way that the tunnel's engine connects by itself.</summary>
internal sealed class LoopbackDialer(int port) : IStreamDialer, ISocketDialer
{
    private readonly TcpDialer _dialer = new();
    private readonly IPEndPoint _target = new(IPAddress.Loopback, port);

    public ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default) =>
        _dialer.DialStreamAsync(_target, cancellationToken);

    public bool TryGetTarget(IPEndPoint remote, [NotNullWhen(true)] out TcpDialer? dialer, [NotNullWhen(true)] out IPEndPoint? target)
    {
        dialer = _dialer;
        target = _target;
        return true;
    }
}
