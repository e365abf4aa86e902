namespace TunFlow.Network;

/// <summary>A snapshot of one direction of a <see cref="PacketPump"/>. Counters are read one by one.</summary>
public readonly record struct PacketPumpStatistics
{
    /// <summary>Packets read and written on; a super-packet counts once.</summary>
    public long Packets { get; init; }

    /// <summary>Bytes of these packets, IP headers included.</summary>
    public long Bytes { get; init; }

    /// <summary>Calls that moved them: with batches fewer than packets.</summary>
    public long Batches { get; init; }

    /// <summary>Packets lost because writing them failed without the device being closed.</summary>
    public long DroppedByWriteError { get; init; }
}
