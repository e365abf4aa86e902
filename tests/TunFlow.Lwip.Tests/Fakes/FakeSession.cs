using System.Collections.Concurrent;
using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Fakes;

/// <summary>A proxy session that records what it gets; by default it echoes.</summary>
internal sealed class FakeSession(FakePacketProxy proxy, IPacketResponseReceiver receiver) : IPacketRequestSender
{
    private int _disposals;

    public IPacketResponseReceiver Receiver { get; } = receiver;

    public ConcurrentQueue<(byte[] Payload, IPEndPoint Destination)> Received { get; } = new();

    /// <summary>Whether datagrams are kept in <see cref="Received"/>.</summary>
    public bool Record { get; set; } = true;

    public int Disposals => Volatile.Read(ref _disposals);

    public async ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        if (Record)
            Received.Enqueue((payload.ToArray(), destination));
        if (proxy.OnDatagram is { } handle)
            await handle(this, payload, destination);
        else
            await Receiver.WriteFromAsync(payload, destination, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Increment(ref _disposals) == 1)
            await Receiver.DisposeAsync();
    }
}
