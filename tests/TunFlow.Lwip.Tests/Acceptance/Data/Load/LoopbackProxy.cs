using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Load;

/// <summary>Real sockets on the loopback interface behind documentation addresses: 198.51.100.n is 127.0.0.n.</summary>
internal sealed class LoopbackProxy(IPacketProxy inner) : IPacketProxy
{
    public async ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default) =>
        new Sender(await inner.NewSessionAsync(new Receiver(receiver), cancellationToken));

    private static IPEndPoint Map(IPEndPoint endPoint, params ReadOnlySpan<byte> network)
    {
        byte last = endPoint.Address.MapToIPv4().GetAddressBytes()[3];
        return new IPEndPoint(new IPAddress([.. network, last]), endPoint.Port);
    }

    private sealed class Sender(IPacketRequestSender inner) : IPacketRequestSender
    {
        public ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default) =>
            inner.WriteToAsync(payload, Map(destination, 127, 0, 0), cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class Receiver(IPacketResponseReceiver inner) : IPacketResponseReceiver
    {
        public ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default) =>
            inner.WriteFromAsync(payload, Map(source, 198, 51, 100), cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
