using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>The addresses that wait for their attempt, in the order of RFC 8305 section 4: IPv6 first, then the families take turns.</summary>
/// <param name="family">The family wanted, or unspecified for both.</param>
/// <param name="firstFamilyCount">How many IPv6 addresses come before the first IPv4 one.</param>
/// <param name="capacity">How many addresses of each family are taken; more could never be tried and are only counted, so that a lookup without end costs nothing.</param>
internal sealed class HappyEyeballsCandidates(AddressFamily family, int firstFamilyCount, int capacity)
{
    private readonly HashSet<IPAddress> _seen = [];
    private readonly Queue<IPAddress> _v6 = new();
    private readonly Queue<IPAddress> _v4 = new();
    private int _v6Added;
    private int _v4Added;
    private int _dropped;
    private int _v6Taken;
    private bool _lastWasV6;

    public bool HasV6 => _v6.Count > 0;

    public bool HasV4 => _v4.Count > 0;

    public bool IsEmpty => !HasV6 && !HasV4;

    /// <summary>How many addresses are left untried.</summary>
    public int Remaining => _v6.Count + _v4.Count + _dropped;

    /// <summary>Whether IPv6 addresses could be used if there were any.</summary>
    public bool WantsV6 => family != AddressFamily.InterNetwork;

    public void Add(IReadOnlyList<IPAddress> addresses)
    {
        foreach (IPAddress given in addresses)
        {
            if (given is null)
            {
                continue;
            }

            IPAddress address = given.IsIPv4MappedToIPv6 ? given.MapToIPv4() : given;
            if (family != AddressFamily.Unspecified && address.AddressFamily != family)
            {
                continue;
            }

            bool v6 = address.AddressFamily == AddressFamily.InterNetworkV6;
            ref int added = ref v6 ? ref _v6Added : ref _v4Added;
            if (added >= capacity)
            {
                _dropped++;
            }
            else if (_seen.Add(address))
            {
                added++;
                (v6 ? _v6 : _v4).Enqueue(address);
            }
        }
    }

    public IPAddress Take()
    {
        bool v6 = HasV6 && (!HasV4 || _v6Taken < firstFamilyCount || !_lastWasV6);
        _lastWasV6 = v6;
        if (v6)
        {
            _v6Taken++;
        }

        return (v6 ? _v6 : _v4).Dequeue();
    }
}
