namespace TunFlow.Network;

/// <summary>A device that carries whole IP packets: a TUN, a user-space IP stack, an in-memory link.</summary>
/// <remarks>
/// <para>Reads are made one at a time; an overlapping read throws <see cref="InvalidOperationException"/>. Writes may come from
/// any thread, also concurrently with each other and with a read. Disposing may happen at any time, from any thread, more than once.</para>
/// <para>After the device was disposed by its owner, pending and later writes throw <see cref="ObjectDisposedException"/>. A device
/// that was closed by anything else throws <see cref="NetworkException"/> with <see cref="NetworkError.Closed"/> from writes.
/// Reads return 0 in both cases, every time; before that, a device may still hand out what was on its way when it was closed.</para>
/// </remarks>
public interface IIPDevice : IAsyncDisposable
{
    /// <summary>The size in bytes of the largest packet the device carries in either direction.</summary>
    int Mtu { get; }

    /// <summary>Reads one whole IP packet.</summary>
    /// <param name="buffer">Receives the packet. If it is shorter than the packet, the rest of the packet is dropped, and the next read gets the next packet. Not empty. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Cancels the wait; no packet is lost by cancelling.</param>
    /// <returns>The number of bytes stored, or 0 when the device is closed.</returns>
    /// <exception cref="ArgumentException">The buffer is empty: a read of nothing couldn't be told from the end.</exception>
    /// <exception cref="InvalidOperationException">Another read is pending; it isn't disturbed.</exception>
    ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);

    /// <summary>Writes one whole IP packet. Never waits for somebody to read on the other side: what doesn't fit the device's bounded output is dropped and counted.</summary>
    /// <param name="packet">The packet. An empty one is dropped and counted: there is no IP packet without a header. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Cancels the write before it was started.</param>
    /// <exception cref="NetworkException">The packet is larger than <see cref="Mtu"/> (<see cref="NetworkError.MessageTooLarge"/>; nothing of it was sent), or the device was closed by something other than its owner (<see cref="NetworkError.Closed"/>).</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default);
}
