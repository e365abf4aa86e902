namespace TunFlow.Network;

/// <summary>The batch form of <see cref="IIPDevice"/>, for devices that move many packets, or offloaded super-packets, per call.</summary>
/// <remarks>
/// With offloads in play one entry can be a TCP segment of up to 64 KiB, larger than <see cref="IIPDevice.Mtu"/>: readers bring buffers of
/// <see cref="PacketBuffer.MaxPacketLength"/> bytes. <see cref="IIPDevice.ReadAsync"/> has no room for what was left undone: it returns complete packets no
/// larger than the MTU, or drops and counts. <see cref="ReadBatchAsync"/> and <see cref="IIPDevice.ReadAsync"/> share the rule of one read at a time; batches are
/// written from any thread, as single packets are.
/// </remarks>
public interface IBatchIPDevice : IIPDevice
{
    /// <summary>What packets written to this device may carry. A packet that asks for more than this is dropped and counted by the device.</summary>
    PacketOffloads SupportedOffloads { get; }

    /// <summary>The largest number of packets one call moves; at least 1. Longer spans of buffers are allowed and only partly filled by reads.</summary>
    int MaxBatch { get; }

    /// <summary>Reads at least one packet, and as many more as are ready and fit.</summary>
    /// <param name="packets">On entry each <see cref="PacketBuffer.Memory"/> is where a packet may be stored; on return the first entries have their <see cref="PacketBuffer.Length"/> and <see cref="PacketBuffer.Offload"/> set. A packet longer than its buffer is cut as by <see cref="IIPDevice.ReadAsync"/>. Not empty. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Cancels the wait; no packet is lost by cancelling.</param>
    /// <returns>The number of packets stored, or 0 when the device is closed.</returns>
    /// <exception cref="ArgumentException">There is no entry.</exception>
    /// <exception cref="InvalidOperationException">Another read is pending, of either form; it isn't disturbed.</exception>
    ValueTask<int> ReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken = default);

    /// <summary>Writes all packets, in order. A packet that the device can't take (empty, too large, wrong offload, no room) is dropped and counted; the others are written.</summary>
    /// <param name="packets">The packets: the first <see cref="PacketBuffer.Length"/> bytes of each <see cref="PacketBuffer.Memory"/>. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Cancels the write before it was started.</param>
    /// <exception cref="NetworkException">The device was closed by something other than its owner (<see cref="NetworkError.Closed"/>), or failed for good.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    ValueTask WriteBatchAsync(ReadOnlyMemory<PacketBuffer> packets, CancellationToken cancellationToken = default);
}
