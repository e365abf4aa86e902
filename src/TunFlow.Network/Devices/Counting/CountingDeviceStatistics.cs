namespace TunFlow.Network;

/// <summary>A snapshot of a <see cref="CountingDevice"/>.</summary>
public sealed record CountingDeviceStatistics
{
    /// <summary>Packets that were read. What a short buffer cut off is not counted: the device doesn't tell.</summary>
    public required TrafficStatistics Read { get; init; }

    /// <summary>Packets that the device inside took. It may still drop some of them, for lack of room, and counts those itself.</summary>
    public required TrafficStatistics Written { get; init; }

    /// <summary>Packets that were not written because they were empty, too large or carried an offload that the device doesn't support.</summary>
    public long WritesRejected { get; init; }

    /// <summary>Calls that failed to write, except for being cancelled or too large: the device was closed, or failed.</summary>
    public long WriteErrors { get; init; }

    /// <summary>Calls that failed to read, except for being cancelled or refused as misuse.</summary>
    public long ReadErrors { get; init; }
}
