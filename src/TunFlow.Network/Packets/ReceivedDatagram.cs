using System.Net;

namespace TunFlow.Network;

/// <summary>One received datagram, as <see cref="IPacketConnection"/>, <see cref="IConnectedPacketConnection"/> and <see cref="Relays.IPacketAssociation"/> return it; the payload is in the buffer that was passed.</summary>
/// <param name="Length">The number of payload bytes stored.</param>
/// <param name="Source">Who sent the datagram. Null only after a wait with an empty buffer, or when the transport named its source in a form that isn't an IP endpoint.</param>
/// <param name="Truncated">True if the datagram was longer than the buffer: what was stored is not a datagram that anybody sent and must not be passed on.</param>
public readonly record struct ReceivedDatagram(int Length, IPEndPoint? Source, bool Truncated);
