namespace TunFlow.Network;

/// <summary>One entry of a batch: a buffer, the length of the packet in it, and what was left undone in that packet.</summary>
public struct PacketBuffer : IEquatable<PacketBuffer>
{
    /// <summary>The largest packet of an IP device in bytes, offloaded super-packets included (the IPv4 total length and IPv6 payload length fields are 16 bits).</summary>
    public const int MaxPacketLength = 65_535;

    /// <summary>Creates an entry that holds no packet yet.</summary>
    /// <param name="memory">Where a packet may be stored. The entry doesn't own it.</param>
    public PacketBuffer(Memory<byte> memory)
    {
        Memory = memory;
    }

    /// <summary>Creates an entry that holds a packet.</summary>
    /// <param name="memory">The buffer. The entry doesn't own it.</param>
    /// <param name="length">The length of the packet at its start, in bytes.</param>
    /// <param name="offload">What was left undone in the packet.</param>
    public PacketBuffer(Memory<byte> memory, int length, PacketOffload offload = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, memory.Length);
        Memory = memory;
        Length = length;
        Offload = offload;
    }

    /// <summary>The buffer. Belongs to whoever made the entry; a device never keeps it beyond the call.</summary>
    public Memory<byte> Memory { get; set; }

    /// <summary>The length in bytes of the packet at the start of <see cref="Memory"/>.</summary>
    public int Length { get; set; }

    /// <summary>What was left undone in the packet: checksum, segmentation.</summary>
    public PacketOffload Offload { get; set; }

    /// <summary>The packet itself: the first <see cref="Length"/> bytes of <see cref="Memory"/>.</summary>
    public readonly Memory<byte> Packet => Memory[..Length];

    /// <inheritdoc/>
    public readonly bool Equals(PacketBuffer other) => Memory.Equals(other.Memory) && Length == other.Length && Offload == other.Offload;

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is PacketBuffer other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode() => HashCode.Combine(Memory, Length, Offload);

    /// <summary>Compares two entries by buffer, length and offload.</summary>
    /// <param name="left">The first entry.</param>
    /// <param name="right">The second entry.</param>
    public static bool operator ==(PacketBuffer left, PacketBuffer right) => left.Equals(right);

    /// <summary>Compares two entries by buffer, length and offload.</summary>
    /// <param name="left">The first entry.</param>
    /// <param name="right">The second entry.</param>
    public static bool operator !=(PacketBuffer left, PacketBuffer right) => !left.Equals(right);
}
