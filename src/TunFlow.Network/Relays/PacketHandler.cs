using System.Net;

namespace TunFlow.Network.Relays;

/// <summary>Handles one received datagram.</summary>
/// <param name="payload">The payload. Borrowed until the returned task completes: neither changed nor kept.</param>
/// <param name="source">Who sent it. Immutable by contract.</param>
/// <param name="cancellationToken">The token of the loop that received the datagram.</param>
public delegate ValueTask PacketHandler(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken);
