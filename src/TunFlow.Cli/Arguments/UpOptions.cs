using System.Net;

namespace TunFlow.Cli.Arguments;

/// <summary>What was asked for with <c>tunflow up</c>.</summary>
internal sealed record UpOptions
{
    internal required string Tun { get; init; }

    /// <summary>Bytes, or null for the interface's own.</summary>
    internal int? Mtu { get; init; }

    /// <summary>The interface that outgoing connections are bound to, or null for the system's routes.</summary>
    internal string? Interface { get; init; }

    internal bool Statistics { get; init; }

    internal IReadOnlyList<InterfaceAddress> Addresses { get; init; } = [];

    internal IReadOnlyList<IPNetwork> Routes { get; init; } = [];
}
