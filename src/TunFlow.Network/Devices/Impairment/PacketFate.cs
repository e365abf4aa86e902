namespace TunFlow.Network;

/// <summary>What the random numbers say about one packet.</summary>
internal readonly record struct PacketFate
{
    public bool IsLost { get; init; }

    public bool IsLostInBurst { get; init; }

    public bool IsCorrupted { get; init; }

    /// <summary>The bit to turn over, modulo the packet's bits.</summary>
    public ulong CorruptedBit { get; init; }

    public bool IsDuplicated { get; init; }

    public bool IsReordered { get; init; }

    /// <summary>The share of the jitter, 0 to 1.</summary>
    public double Jitter { get; init; }
}
