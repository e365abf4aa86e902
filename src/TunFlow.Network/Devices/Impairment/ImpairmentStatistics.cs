namespace TunFlow.Network;

/// <summary>A snapshot of an <see cref="ImpairmentDevice"/>.</summary>
public sealed record ImpairmentStatistics
{
    /// <summary>Packets on their way out of the device inside.</summary>
    public LinkImpairmentStatistics Read { get; init; }

    /// <summary>Packets on their way into the device inside.</summary>
    public LinkImpairmentStatistics Written { get; init; }

    /// <summary>Packets that never were on their way: written ones that were empty, larger than the MTU, or contradicted their offload; read ones whose offload could not be undone.</summary>
    public long Rejected { get; init; }
}
