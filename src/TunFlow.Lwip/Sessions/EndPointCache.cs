using System.Net;
using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <summary>The few endpoints a session talks to, as objects that need not be made anew for each datagram. Bounded: a session that talks to thousands makes some again.</summary>
internal sealed class EndPointCache
{
    private const int Size = 16;

    private TfEndpoint _lastKey;
    private IPEndPoint? _last;
    private Entry[]? _others;

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
        if (_last is null)
            return EndpointConversion.ToEndPoint(in endpoint);

        _others ??= new Entry[Size];
        // The last one gives way to the new one; the array keeps it.
        Store(in _lastKey, _last);
        ref Entry entry = ref _others[Index(in endpoint)];
        if (entry.EndPoint is null || !EndpointConversion.AreEqual(in entry.Key, in endpoint))
        {
            entry.Key = endpoint;
            entry.EndPoint = EndpointConversion.ToEndPoint(in endpoint);
        }

        return entry.EndPoint;
    }

    private void Store(in TfEndpoint key, IPEndPoint endPoint)
    {
        ref Entry entry = ref _others![Index(in key)];
        entry.Key = key;
        entry.EndPoint = endPoint;
    }

    private static int Index(in TfEndpoint endpoint)
    {
        HashCode hash = default;
        hash.AddBytes(endpoint.Address);
        hash.Add(endpoint.Port);
        return hash.ToHashCode() & (Size - 1);
    }

    private struct Entry
    {
        public TfEndpoint Key;
        public IPEndPoint? EndPoint;
    }
}
