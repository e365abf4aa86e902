namespace TunFlow.Network;

/// <summary>One end of an in-memory link: what is written to one end is read from the other.</summary>
/// <remarks>
/// Safe from any thread, with one read at a time at each end. When one end is disposed, the other still reads what was on the way and then 0, and its
/// writes throw <see cref="NetworkException"/> with <see cref="NetworkError.Closed"/>.
/// </remarks>
public sealed class MemoryDevice : IBatchIPDevice
{
    private readonly MemoryDeviceOptions _options;
    private readonly PacketQueue _incoming;
    private readonly PacketQueue _outgoing;
    private long _rejected;
    private int _disposed;

    private MemoryDevice(MemoryDeviceOptions options, PacketQueue incoming, PacketQueue outgoing)
    {
        _options = options;
        _incoming = incoming;
        _outgoing = outgoing;
    }

    /// <inheritdoc/>
    public int Mtu => _options.Mtu;

    /// <inheritdoc/>
    public PacketOffloads SupportedOffloads => _options.SupportedOffloads;

    /// <inheritdoc/>
    public int MaxBatch => 64;

    /// <summary>Packets written to this end that the other end had no room for, or read one by one although they carried an offload.</summary>
    public long DroppedPackets => _outgoing.Dropped;

    /// <summary>Packets written to this end that were empty, or in batches too large or with an offload that isn't supported.</summary>
    public long RejectedPackets => Volatile.Read(ref _rejected);

    /// <summary>Makes a link.</summary>
    /// <param name="options">MTU, room and offloads of both ends, or null for the defaults.</param>
    /// <returns>The two ends, both owned by the caller.</returns>
    public static (MemoryDevice First, MemoryDevice Second) CreatePair(MemoryDeviceOptions? options = null)
    {
        options ??= new MemoryDeviceOptions();
        PacketQueue forth = new(options.Capacity);
        PacketQueue back = new(options.Capacity);
        return (new MemoryDevice(options, back, forth), new MemoryDevice(options, forth, back));
    }

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _incoming.ReadAsync(buffer, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<int> ReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken = default) =>
        _incoming.ReadBatchAsync(packets.Length > MaxBatch ? packets[..MaxBatch] : packets, cancellationToken);

    /// <inheritdoc/>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        if (packet.Length > Mtu)
        {
            throw new NetworkException(NetworkError.MessageTooLarge, $"A packet of {packet.Length} bytes doesn't fit an MTU of {Mtu}.");
        }

        Enqueue(packet.Span, default);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask WriteBatchAsync(ReadOnlyMemory<PacketBuffer> packets, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        ThrowIfClosed();
        foreach (PacketBuffer packet in packets.Span)
        {
            int limit = packet.Offload.Gso == GsoType.None ? Mtu : PacketBuffer.MaxPacketLength;
            if (packet.Length > limit || (packet.Offload.Required & ~SupportedOffloads) != 0)
            {
                Interlocked.Increment(ref _rejected);
            }
            else
            {
                Enqueue(packet.Packet.Span, packet.Offload);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Closes this end.</summary>
    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _outgoing.Complete(discard: false);
            _incoming.Complete(discard: true);
        }

        return ValueTask.CompletedTask;
    }

    private void Enqueue(ReadOnlySpan<byte> packet, PacketOffload offload)
    {
        // An empty packet can't be told from the end when it is read, and isn't one: there is no IP packet without a header.
        if (packet.IsEmpty)
        {
            ThrowIfClosed();
            Interlocked.Increment(ref _rejected);
            return;
        }

        if (!_outgoing.TryWrite(packet, offload))
        {
            ThrowIfClosed();
        }
    }

    private void ThrowIfClosed()
    {
        if (_outgoing.IsCompleted)
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
            throw new NetworkException(NetworkError.Closed, "The other end of the link is closed.");
        }
    }
}
