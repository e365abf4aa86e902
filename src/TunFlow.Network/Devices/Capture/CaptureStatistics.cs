namespace TunFlow.Network;

/// <summary>A snapshot of a <see cref="PacketCapture"/>.</summary>
public readonly record struct CaptureStatistics
{
    /// <summary>Packets that passed the device while the capture ran.</summary>
    public long PacketsSeen { get; init; }

    /// <summary>Of these, packets that the filter didn't want.</summary>
    public long PacketsFiltered { get; init; }

    /// <summary>Packets that were not recorded because the target was too slow and the queue full.</summary>
    public long PacketsDropped { get; init; }

    /// <summary>Packets in the target, or on the way to it.</summary>
    public long PacketsRecorded { get; init; }

    /// <summary>Packets that the target has taken. After the capture ended with an error, what is missing to <see cref="PacketsRecorded"/> was lost.</summary>
    public long PacketsWritten { get; init; }

    /// <summary>Bytes that the target has taken, headers of the format included.</summary>
    public long BytesWritten { get; init; }

    /// <summary>1 if the target, or the filter, failed and ended the capture, otherwise 0.</summary>
    public long Errors { get; init; }
}
