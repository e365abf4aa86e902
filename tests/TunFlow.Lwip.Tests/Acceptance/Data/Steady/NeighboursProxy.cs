using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Steady;

/// <summary>As LoopbackProxy of the load tests, 198.51.100.n is 127.0.0.n, but for so many n and one port, and without an allocation per datagram.</summary>
internal sealed class NeighboursProxy : IPacketProxy
{
    private readonly IPacketProxy _inner;
    private readonly Dictionary<IPEndPoint, IPEndPoint> _inwards = [];
    private readonly Dictionary<IPEndPoint, IPEndPoint> _outwards = [];

    public NeighboursProxy(IPacketProxy inner, int count, int port)
    {
        _inner = inner;
        for (int i = 1; i <= count; i++)
        {
            IPEndPoint local = new(new IPAddress([127, 0, 0, (byte)i]), port);
            _outwards[Remote(i, port)] = local;
            _inwards[local] = Remote(i, port);
        }
    }

    public static IPEndPoint Remote(int number, int port) => new(new IPAddress([198, 51, 100, (byte)number]), port);

    public async ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default) =>
        new Sender(this, await _inner.NewSessionAsync(new Receiver(this, receiver), cancellationToken));

    private sealed class Sender(NeighboursProxy proxy, IPacketRequestSender inner) : IPacketRequestSender
    {
        public ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default) =>
            inner.WriteToAsync(payload, proxy._outwards[destination], cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class Receiver(NeighboursProxy proxy, IPacketResponseReceiver inner) : IPacketResponseReceiver
    {
        public ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default) =>
            inner.WriteFromAsync(payload, proxy._inwards[source], cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
