using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>An echoing session of a packet proxy that tells of each call before it goes on.</summary>
internal sealed class HookedSession(HookedWorld world, IPacketResponseReceiver receiver) : IPacketRequestSender
{
    private int _disposals;

    public IPacketResponseReceiver Receiver { get; } = receiver;

    public int Disposals => Volatile.Read(ref _disposals);

    public ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        world.Call(CallPlace.SendDatagram, this);
        return Receiver.WriteFromAsync(payload, destination, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Increment(ref _disposals) == 1)
            await Receiver.DisposeAsync();
        world.Call(CallPlace.SenderDispose, this);
    }
}
