using System.Diagnostics.CodeAnalysis;
using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Loop;

/// <summary>Reaches one server, whatever is asked for, by plain sockets that an engine may connect itself; counts the dials that it didn't.</summary>
internal sealed class PlainDialer(EndPoint server, SocketConfigurator? configurator = null) : IStreamDialer, ISocketDialer
{
    private readonly TcpDialer _dialer = new(configurator);
    private int _dials;

    public int Dials => Volatile.Read(ref _dials);

    public ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _dials);
        return _dialer.DialStreamAsync(server, cancellationToken);
    }

    public bool TryGetTarget(IPEndPoint remote, [NotNullWhen(true)] out TcpDialer? dialer, [NotNullWhen(true)] out IPEndPoint? target) =>
        ((ISocketDialer)_dialer).TryGetTarget((IPEndPoint)server, out dialer, out target);
}
