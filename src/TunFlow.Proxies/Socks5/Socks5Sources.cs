using System.Buffers.Binary;
using System.Net;

namespace TunFlow.Proxies;

/// <summary>The endpoints of relayed datagrams, made once per source. Bounded: a source too many empties it. Not thread-safe.</summary>
internal sealed class Socks5Sources
{
    private const int Capacity = 64;

    private readonly Dictionary<(UInt128 Address, int PortAndType), IPEndPoint> _known = [];
    private (UInt128 Address, int PortAndType) _lastKey;
    private IPEndPoint? _last;

    /// <summary>Finds the endpoint of an address.</summary>
    /// <param name="address">Type, address and port.</param>
    /// <returns>The endpoint, or null for a name.</returns>
    public IPEndPoint? Find(ReadOnlySpan<byte> address)
    {
        if (address[0] == Socks5Protocol.Name)
        {
            return null;
        }

        UInt128 bytes = address[0] == Socks5Protocol.IPv4 ? BinaryPrimitives.ReadUInt32BigEndian(address[1..]) : BinaryPrimitives.ReadUInt128BigEndian(address[1..]);
        (UInt128 Address, int PortAndType) key = (bytes, (address[0] << 16) | BinaryPrimitives.ReadUInt16BigEndian(address[^Socks5Protocol.PortLength..]));
        if (_last is not null && key == _lastKey)
        {
            return _last;
        }

        if (!_known.TryGetValue(key, out IPEndPoint? endPoint))
        {
            endPoint = (IPEndPoint)Socks5Address.Decode(address)!;
            if (_known.Count >= Capacity)
            {
                _known.Clear();
            }

            _known.Add(key, endPoint);
        }

        (_lastKey, _last) = (key, endPoint);
        return endPoint;
    }
}
