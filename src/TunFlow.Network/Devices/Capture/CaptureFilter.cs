namespace TunFlow.Network;

/// <summary>Says whether a packet is recorded.</summary>
/// <param name="packet">The packet from its IP header on, valid during the call only. A super-packet comes in one piece.</param>
/// <param name="direction">Which way it passes the device.</param>
/// <returns>True to record it.</returns>
/// <remarks>Called on the threads that move packets, several at a time, so it should be quick and must not wait. If it throws, the capture ends with its exception; traffic goes on.</remarks>
public delegate bool CaptureFilter(ReadOnlySpan<byte> packet, PacketDirection direction);
