using System.Net;
using TunFlow.Devices.Linux.Launch;

namespace TunFlow.Policy;

/// <summary>What the fixed addresses inside a launched command's tunnel mean.</summary>
internal static class LaunchPolicy
{
    /// <summary>Builds the map.</summary>
    /// <param name="resolver">Who answers what is sent to port 53 of the tunnel's name server.</param>
    /// <param name="allowHostLoopback">Whether the host's 127.0.0.1 and ::1 can be reached by their stand-ins.</param>
    internal static EndPointMap CreateMap(IPEndPoint resolver, bool allowHostLoopback)
    {
        List<EndPointRule> rules =
        [
            new(LaunchAddresses.Dns4, HostResolver.DnsPort, resolver.Address, resolver.Port),
            new(LaunchAddresses.Dns6, HostResolver.DnsPort, resolver.Address, resolver.Port),
        ];
        if (allowHostLoopback)
        {
            rules.Add(new(LaunchAddresses.HostLoopback4, null, IPAddress.Loopback, null));
            rules.Add(new(LaunchAddresses.HostLoopback6, null, IPAddress.IPv6Loopback, null));
        }

        return new EndPointMap(rules,
        [
            LaunchAddresses.Device4, LaunchAddresses.Device6, LaunchAddresses.HostLoopback4,
            LaunchAddresses.HostLoopback6, LaunchAddresses.Dns4, LaunchAddresses.Dns6,
        ]);
    }

    /// <summary>A map that only keeps the host's loopback out of reach.</summary>
    internal static EndPointMap CreateMap() => new([], []);
}
