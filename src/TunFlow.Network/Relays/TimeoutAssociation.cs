using System.Net;

namespace TunFlow.Network.Relays;

/// <summary>One association of a <see cref="TimeoutPacketRelay"/>.</summary>
internal sealed class TimeoutAssociation(IPacketAssociation inner, IdleSweeper sweeper, TimeProvider timeProvider, PacketRelayCounters counters)
    : IdleAssociation(sweeper, timeProvider, counters)
{
    // The association inside may have ended and still have something to give.
    protected override bool EndsBySending => false;

    protected override ValueTask SendCoreAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken) =>
        inner.SendPacketAsync(payload, destination, cancellationToken);

    protected override ValueTask<ReceivedDatagram> ReceiveCoreAsync(Memory<byte> buffer, CancellationToken cancellationToken) =>
        inner.ReceivePacketAsync(buffer, cancellationToken);

    protected override ValueTask CloseCoreAsync() => inner.DisposeAsync();
}
