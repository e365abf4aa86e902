using TunFlow.Lwip;

namespace TunFlow;

/// <summary>What a <see cref="Tunnel"/> did so far. A snapshot.</summary>
public sealed record TunnelStatistics
{
    /// <summary>Flows, sessions, packets, bytes, drops.</summary>
    public required LwipStatistics Stack { get; init; }

    /// <summary>Packets that the device, or those before it, didn't take: lost, and those of TCP sent again. Of a TUN: while its interface was down, or without room.</summary>
    public long PacketsNotWritten { get; init; }

    /// <summary>How long the tunnel has been running, or ran.</summary>
    public TimeSpan Uptime { get; init; }
}
