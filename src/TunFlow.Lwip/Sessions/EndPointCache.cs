using System.Net;
using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <summary>The endpoints a session talks to, as objects that need not be made anew for each datagram. Bounded; not thread-safe.</summary>
internal sealed class EndPointCache
{
    /// <summary>More than a program talks to in rotation. One too many empties the cache, which bounds the cost of remote hosts that come in masses.</summary>
    private const int Capacity = 256;

    private TfEndpoint _lastKey;
    private IPEndPoint? _last;
    private Dictionary<TfEndpoint, IPEndPoint>? _all;

    public IPEndPoint Get(in TfEndpoint endpoint)
    {
        if (_last is { } last && EndpointConversion.AreEqual(in _lastKey, in endpoint))
            return last;

        IPEndPoint found = Find(in endpoint);
        _lastKey = endpoint;
        _last = found;
        return found;
    }

    private IPEndPoint Find(in TfEndpoint endpoint)
    {
        // Most sessions talk to one.
        if (_last is null)
            return EndpointConversion.ToEndPoint(in endpoint);

        _all ??= new Dictionary<TfEndpoint, IPEndPoint>(Comparer.Instance) { [_lastKey] = _last };
        if (_all.TryGetValue(endpoint, out IPEndPoint? found))
            return found;
        found = EndpointConversion.ToEndPoint(in endpoint);
        if (_all.Count >= Capacity)
            _all.Clear();
        _all.Add(endpoint, found);
        return found;
    }

    private sealed class Comparer : IEqualityComparer<TfEndpoint>
    {
        public static readonly Comparer Instance = new();

        public bool Equals(TfEndpoint x, TfEndpoint y) => EndpointConversion.AreEqual(in x, in y);

        public int GetHashCode(TfEndpoint obj)
        {
            HashCode hash = default;
            hash.AddBytes(obj.Address);
            hash.Add(obj.Port);
            return hash.ToHashCode();
        }
    }
}
