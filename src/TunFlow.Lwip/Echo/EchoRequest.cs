using System.Net;

namespace TunFlow.Lwip;

/// <summary>An application's echo request (RFC 792, RFC 4443 section 4.1), put together if it came in fragments. Immutable.</summary>
public readonly record struct EchoRequest
{
    /// <summary>Makes a request, for a handler's tests.</summary>
    /// <param name="source">The application's address.</param>
    /// <param name="destination">Whom it pings.</param>
    /// <param name="identifier">0 to 65,535.</param>
    /// <param name="sequenceNumber">0 to 65,535.</param>
    /// <param name="hopLimit">0 to 255.</param>
    /// <param name="payload">What a reply repeats. Kept.</param>
    /// <exception cref="ArgumentNullException">An address is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public EchoRequest(IPAddress source, IPAddress destination, int identifier, int sequenceNumber, int hopLimit, ReadOnlyMemory<byte> payload)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(destination);
        ThrowIfOutside(identifier, ushort.MaxValue, nameof(identifier));
        ThrowIfOutside(sequenceNumber, ushort.MaxValue, nameof(sequenceNumber));
        ThrowIfOutside(hopLimit, byte.MaxValue, nameof(hopLimit));
        Source = source;
        Destination = destination;
        Identifier = identifier;
        SequenceNumber = sequenceNumber;
        HopLimit = hopLimit;
        Payload = payload;
    }

    /// <summary>The application's address.</summary>
    public IPAddress Source { get; }

    /// <summary>Whom it pings. Never multicast, broadcast or loopback.</summary>
    public IPAddress Destination { get; }

    /// <summary>Tells the pings of an application from those of others.</summary>
    public int Identifier { get; }

    /// <summary>The number of this one among them.</summary>
    public int SequenceNumber { get; }

    /// <summary>TTL or hop limit, as it came out of the TUN.</summary>
    public int HopLimit { get; }

    /// <summary>What a reply repeats, 0 to 65,507 bytes. A copy, the handler's to keep.</summary>
    public ReadOnlyMemory<byte> Payload { get; }

    private static void ThrowIfOutside(int value, int most, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most, name);
    }
}
