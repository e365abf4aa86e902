using TunFlow.Network;

namespace TunFlow.Bench.Variants;

/// <summary>A connection that changes nothing, and in which nobody sees the socket: what one with encryption looks like from outside.</summary>
internal sealed class OpaqueStreamConnection(StreamConnection inner) : DelegatingStreamConnection(inner);
