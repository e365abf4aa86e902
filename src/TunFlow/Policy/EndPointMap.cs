using System.Net;
using System.Net.Sockets;

namespace TunFlow.Policy;

/// <summary>Which destinations stand for others, and which must never be reached. Immutable.</summary>
/// <remarks>
/// The host's own loopback is out of reach unless a rule leads there: whatever listens on it trusts that only local programs
/// connect. That covers all of 127.0.0.0/8 and ::1, and 0.0.0.0/8 and ::, which Linux connects to the loopback as well.
/// </remarks>
internal sealed class EndPointMap
{
    private readonly EndPointRule[] _rules;
    private readonly HashSet<IPAddress> _reserved;

    /// <summary>Creates a map.</summary>
    /// <param name="rules">The first that matches applies.</param>
    /// <param name="reserved">Addresses that lead nowhere when no rule matches.</param>
    internal EndPointMap(IEnumerable<EndPointRule> rules, IEnumerable<IPAddress> reserved)
    {
        _rules = [.. rules];
        _reserved = [.. reserved];
    }

    internal ReadOnlySpan<EndPointRule> Rules => _rules;

    /// <summary>Where a destination really is, or null if nobody may go there.</summary>
    /// <param name="destination">What the application asked for.</param>
    /// <param name="rule">The index of the rule that applied, or -1.</param>
    internal IPEndPoint? Translate(IPEndPoint destination, out int rule)
    {
        if (destination.Address.IsIPv4MappedToIPv6)
            destination = new IPEndPoint(destination.Address.MapToIPv4(), destination.Port);
        for (rule = 0; rule < _rules.Length; rule++)
        {
            if (_rules[rule].Matches(destination))
                return _rules[rule].Translate(destination);
        }

        rule = -1;
        return _reserved.Contains(destination.Address) || IsLocal(destination.Address) ? null : destination;
    }

    /// <summary>Whether the address means "this host" wherever it is used.</summary>
    internal static bool IsLocal(IPAddress address)
    {
        if (IPAddress.IsLoopback(address) || address.Equals(IPAddress.IPv6Any))
            return true;
        Span<byte> bytes = stackalloc byte[16];
        return address.AddressFamily == AddressFamily.InterNetwork && address.TryWriteBytes(bytes, out _) && bytes[0] == 0;
    }
}
