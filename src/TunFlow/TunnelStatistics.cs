using TunFlow.Lwip;

namespace TunFlow;

/// <summary>What a <see cref="Tunnel"/> did so far. A snapshot.</summary>
public sealed record TunnelStatistics
{
    /// <summary>Flows, sessions, packets, bytes, drops.</summary>
    public required LwipStatistics Stack { get; init; }

    /// <summary>How long the tunnel has been running, or ran.</summary>
    public TimeSpan Uptime { get; init; }
}
