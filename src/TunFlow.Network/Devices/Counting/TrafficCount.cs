namespace TunFlow.Network;

/// <summary>Packets and their bytes. A super-packet counts once.</summary>
public readonly record struct TrafficCount
{
    /// <summary>The number of packets.</summary>
    public long Packets { get; init; }

    /// <summary>Their bytes, IP headers included.</summary>
    public long Bytes { get; init; }

    /// <summary>Adds two counts.</summary>
    /// <param name="left">One count.</param>
    /// <param name="right">The other count.</param>
    public static TrafficCount operator +(TrafficCount left, TrafficCount right) => left.Add(right);

    /// <summary>Adds a count.</summary>
    /// <param name="other">The other count.</param>
    public TrafficCount Add(TrafficCount other) => new() { Packets = Packets + other.Packets, Bytes = Bytes + other.Bytes };
}
