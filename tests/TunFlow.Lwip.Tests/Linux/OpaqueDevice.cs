using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Linux;

/// <summary>Hides what a device is, so that the tunnel serves it the general way.</summary>
internal sealed class OpaqueDevice(IBatchIPDevice device) : IBatchIPDevice
{
    public int Mtu => device.Mtu;

    public PacketOffloads SupportedOffloads => device.SupportedOffloads;

    public int MaxBatch => device.MaxBatch;

    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => device.ReadAsync(buffer, cancellationToken);

    public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default) => device.WriteAsync(packet, cancellationToken);

    public ValueTask<int> ReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken = default) => device.ReadBatchAsync(packets, cancellationToken);

    public ValueTask WriteBatchAsync(ReadOnlyMemory<PacketBuffer> packets, CancellationToken cancellationToken = default) => device.WriteBatchAsync(packets, cancellationToken);

    public ValueTask DisposeAsync() => device.DisposeAsync();
}
