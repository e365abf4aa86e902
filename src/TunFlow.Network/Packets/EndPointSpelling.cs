using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>Gives IPv4 sources the form in which the application writes its IPv4 destinations: plain, or mapped to IPv6 (RFC 4291, section 2.5.5.2). An application compares the source of an answer with whom it asked.</summary>
/// <remarks><see cref="Note"/> from any thread; <see cref="AsTheAppWrites"/> by one at a time. Allocates for sources that weren't translated lately.</remarks>
internal sealed class EndPointSpelling
{
    private const int Capacity = 64;

    private Dictionary<IPEndPoint, IPEndPoint>? _others;
    private bool _mapped;

    /// <summary>Learns from a destination of the application. The last IPv4 destination counts.</summary>
    public void Note(IPEndPoint destination)
    {
        if (destination.AddressFamily == AddressFamily.InterNetwork)
        {
            Set(false);
        }
        else if (destination.Address.IsIPv4MappedToIPv6)
        {
            Set(true);
        }
    }

    public IPEndPoint AsTheAppWrites(IPEndPoint source)
    {
        bool isMapped;
        if (source.AddressFamily == AddressFamily.InterNetwork)
        {
            isMapped = false;
        }
        else if (source.Address.IsIPv4MappedToIPv6)
        {
            isMapped = true;
        }
        else
        {
            return source;
        }

        return isMapped == Volatile.Read(ref _mapped) ? source : Translate(source, isMapped);
    }

    // Read first: a store per datagram would share the line between the sender's and the receiver's processor.
    private void Set(bool mapped)
    {
        if (_mapped != mapped)
        {
            Volatile.Write(ref _mapped, mapped);
        }
    }

    private IPEndPoint Translate(IPEndPoint source, bool isMapped)
    {
        _others ??= [];
        if (!_others.TryGetValue(source, out IPEndPoint? other))
        {
            other = new IPEndPoint(isMapped ? source.Address.MapToIPv4() : source.Address.MapToIPv6(), source.Port);
            if (_others.Count >= Capacity)
            {
                _others.Clear();
            }

            _others.Add(source, other);
        }

        return other;
    }
}
