using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>Translates between endpoints and the socket layer's addresses without allocating for peers that were seen before. Bounded; not thread-safe.</summary>
/// <param name="dualMode">Whether IPv4 endpoints are written as IPv4-mapped IPv6 addresses.</param>
/// <param name="capacity">How many peers are remembered. A peer too many empties the cache, which bounds the cost of remote hosts that come in masses.</param>
internal sealed class EndPointCache(bool dualMode, int capacity)
{
    private static readonly IPEndPoint s_factory = new(IPAddress.IPv6Any, 0);
    private static readonly IPEndPoint s_factoryIPv4 = new(IPAddress.Any, 0);

    private readonly Dictionary<SocketAddress, IPEndPoint> _endPoints = [];
    private readonly Dictionary<IPEndPoint, SocketAddress> _addresses = [];
    private SocketAddress? _lastAddress;
    private IPEndPoint? _lastSource;
    private IPEndPoint? _lastDestination;
    private SocketAddress? _lastDestinationAddress;

    /// <summary>Finds the endpoint of an address. The address itself isn't kept.</summary>
    public IPEndPoint ToEndPoint(SocketAddress address)
    {
        if (_lastSource is not null && address.Equals(_lastAddress))
        {
            return _lastSource;
        }

        if (!_endPoints.TryGetValue(address, out IPEndPoint? endPoint))
        {
            endPoint = Create(address);
            if (_endPoints.Count >= capacity)
            {
                _endPoints.Clear();
            }

            SocketAddress key = new(address.Family, address.Size);
            address.Buffer[..address.Size].CopyTo(key.Buffer);
            _endPoints.Add(key, endPoint);
        }

        _lastAddress ??= new SocketAddress(address.Family, address.Buffer.Length);
        address.Buffer[..address.Size].CopyTo(_lastAddress.Buffer);
        _lastAddress.Size = address.Size;
        _lastSource = endPoint;
        return endPoint;
    }

    /// <summary>Finds the address of an endpoint. It is shared and must not be changed.</summary>
    public SocketAddress ToAddress(IPEndPoint endPoint)
    {
        // Endpoints are immutable by contract, and a session mostly talks to one: the same object needs no comparison.
        if (ReferenceEquals(endPoint, _lastDestination))
        {
            return _lastDestinationAddress!;
        }

        if (!_addresses.TryGetValue(endPoint, out SocketAddress? address))
        {
            IPEndPoint written = endPoint;
            if (dualMode && endPoint.AddressFamily == AddressFamily.InterNetwork)
            {
                written = new IPEndPoint(endPoint.Address.MapToIPv6(), endPoint.Port);
            }

            address = written.Serialize();
            if (_addresses.Count >= capacity)
            {
                _addresses.Clear();
            }

            _addresses.Add(endPoint, address);
        }

        _lastDestination = endPoint;
        _lastDestinationAddress = address;
        return address;
    }

    private static IPEndPoint Create(SocketAddress address) =>
        SocketEndPoints.Unmap((IPEndPoint)(address.Family == AddressFamily.InterNetwork ? s_factoryIPv4 : s_factory).Create(address));
}
