using System.Net;

namespace TunFlow.Lwip;

/// <summary>Knows the tunnel's own traffic when it comes back in: what goes to a proxy that the tunnel itself dials.</summary>
/// <remarks>Such a flow means that the proxy's sockets are routed into the TUN; dialling for it would make another one, and so on without end.</remarks>
internal sealed class LoopGuard
{
    private readonly HashSet<IPEndPoint> _endPoints = [];
    private int _told;

    public LoopGuard(IEnumerable<IPEndPoint> endPoints)
    {
        foreach (IPEndPoint endPoint in endPoints)
            _endPoints.Add(new IPEndPoint(AsInPackets(endPoint.Address), endPoint.Port));
    }

    /// <summary>True for a destination that only the tunnel itself should reach.</summary>
    public bool IsOwn(IPEndPoint destination) => _endPoints.Count != 0 && _endPoints.Contains(destination);

    /// <summary>True once: the first loop is worth a warning, the thousands behind it are not.</summary>
    public bool IsFirst() => Interlocked.Exchange(ref _told, 1) == 0;

    // Packets know neither mapped addresses nor zones. Always a copy: the endpoints are the caller's, who may go on changing them.
    private static IPAddress AsInPackets(IPAddress address) =>
        address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : new IPAddress(address.GetAddressBytes());
}
