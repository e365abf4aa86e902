namespace TunFlow.Network;

/// <summary>What happened in one direction of an <see cref="ImpairmentDevice"/>. A consistent snapshot.</summary>
/// <remarks><see cref="Packets"/> + <see cref="Duplicated"/> is the sum of <see cref="Lost"/>, <see cref="Delivered"/>, <see cref="InFlight"/> and all that was dropped.</remarks>
public readonly record struct LinkImpairmentStatistics
{
    /// <summary>Packets that came; of a super-packet each segment.</summary>
    public long Packets { get; init; }

    /// <summary>Their bytes, IP headers included.</summary>
    public long Bytes { get; init; }

    /// <summary>Packets that were lost on purpose.</summary>
    public long Lost { get; init; }

    /// <summary>Of these, packets lost by <see cref="LinkImpairment.Bursts"/> and not by <see cref="LinkImpairment.Loss"/> anyway.</summary>
    public long LostInBursts { get; init; }

    /// <summary>Packets with a bit turned over.</summary>
    public long Corrupted { get; init; }

    /// <summary>Packets that came twice.</summary>
    public long Duplicated { get; init; }

    /// <summary>Packets that were held back for others to overtake.</summary>
    public long Reordered { get; init; }

    /// <summary>Packets that could not pass at once: delay, rate, order.</summary>
    public long Delayed { get; init; }

    /// <summary>Packets handed on, copies included: to the device inside, or to the queue that reads are served from.</summary>
    public long Delivered { get; init; }

    /// <summary>Packets on their way now.</summary>
    public long InFlight { get; init; }

    /// <summary>Packets that did not fit <see cref="LinkImpairment.QueueBytes"/>.</summary>
    public long DroppedByRate { get; init; }

    /// <summary>Packets beyond <see cref="ImpairmentOptions.MaxDelayedPackets"/> or <see cref="ImpairmentOptions.MaxDelayedBytes"/>.</summary>
    public long DroppedByLimit { get; init; }

    /// <summary>Packets that arrived and were not taken: the device inside failed to write them, or nobody read them and <see cref="ImpairmentOptions.ReadQueueLength"/> was reached.</summary>
    public long DroppedAtEnd { get; init; }

    /// <summary>Packets that were on their way when the device was disposed or closed.</summary>
    public long DroppedByClosing { get; init; }
}
