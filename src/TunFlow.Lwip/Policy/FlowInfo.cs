using System.Net;
using System.Net.Sockets;

namespace TunFlow.Lwip;

/// <summary>What is known of a flow before it is answered: the 5-tuple.</summary>
/// <param name="Protocol"><see cref="ProtocolType.Tcp"/> or <see cref="ProtocolType.Udp"/>.</param>
/// <param name="Source">The application's endpoint. Immutable by contract.</param>
/// <param name="Destination">Whom it wants to reach. Immutable by contract.</param>
public readonly record struct FlowInfo(ProtocolType Protocol, IPEndPoint Source, IPEndPoint Destination);
