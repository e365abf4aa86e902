using System.Net;

namespace TunFlow.Lwip;

/// <summary>An application's echo request (RFC 792, RFC 4443 section 4.1), put together if it came in fragments.</summary>
/// <param name="Source">The application's address.</param>
/// <param name="Destination">Whom it pings. Never multicast, broadcast or loopback.</param>
/// <param name="Identifier">Tells the pings of an application from those of others.</param>
/// <param name="SequenceNumber">The number of this one among them.</param>
/// <param name="HopLimit">TTL or hop limit, as it came out of the TUN.</param>
/// <param name="Payload">What a reply repeats, 0 to 65,507 bytes. A copy, the handler's to keep.</param>
public readonly record struct EchoRequest(
    IPAddress Source, IPAddress Destination, int Identifier, int SequenceNumber, int HopLimit, ReadOnlyMemory<byte> Payload);
