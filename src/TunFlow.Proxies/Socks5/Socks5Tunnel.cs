using System.Net;
using TunFlow.Network;

namespace TunFlow.Proxies;

/// <summary>A connection to a server that granted a request.</summary>
/// <param name="Connection">The connection, at the first byte after the handshake.</param>
/// <param name="Bound">The address that the server gave in its answer, or null for a name that can't be one.</param>
internal sealed record Socks5Tunnel(StreamConnection Connection, EndPoint? Bound);
