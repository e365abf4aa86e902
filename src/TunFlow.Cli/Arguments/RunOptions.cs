using System.Net;

namespace TunFlow.Cli.Arguments;

/// <summary>What was asked for with <c>tunflow run</c>.</summary>
internal sealed record RunOptions
{
    /// <summary>The TUN's MTU in bytes.</summary>
    internal int Mtu { get; init; } = 1500;

    /// <summary>Who answers DNS, or null for the host's own resolver.</summary>
    internal IPEndPoint? Dns { get; init; }

    internal bool AllowHostLoopback { get; init; }

    internal bool Statistics { get; init; }

    /// <summary>The program and its arguments; at least one word.</summary>
    internal required IReadOnlyList<string> Command { get; init; }
}
