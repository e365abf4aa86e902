namespace TunFlow.Devices;

/// <summary>What a <see cref="LinuxTunDevice"/> has moved and dropped since it was opened. A super-packet counts as one packet.</summary>
public readonly record struct LinuxTunStatistics
{
    /// <summary>Packets that were read from the kernel.</summary>
    public long PacketsRead { get; init; }

    /// <summary>Their bytes, from the IP header on.</summary>
    public long BytesRead { get; init; }

    /// <summary>Packets that the kernel accepted.</summary>
    public long PacketsWritten { get; init; }

    /// <summary>Their bytes, from the IP header on.</summary>
    public long BytesWritten { get; init; }

    /// <summary>Reads that failed in passing. Many in a row end the device.</summary>
    public long ReadErrors { get; init; }

    /// <summary>Packets that were read and dropped: offloads of an unknown kind or with impossible offsets.</summary>
    public long ReadPacketsDropped { get; init; }

    /// <summary>Packets dropped because the interface was down, as it is while it moves to another network namespace.</summary>
    public long WritesDroppedInterfaceDown { get; init; }

    /// <summary>Packets dropped because the kernel had no memory or buffer space for them.</summary>
    public long WritesDroppedNoRoom { get; init; }

    /// <summary>Packets dropped because they were no IP packets, larger than the MTU, or asked for offloads that the device does not have.</summary>
    public long WritesDroppedRejected { get; init; }
}
