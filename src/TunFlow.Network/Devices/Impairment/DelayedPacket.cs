namespace TunFlow.Network;

/// <summary>A packet on its way.</summary>
/// <param name="Array">Holds it; from the shared pool.</param>
/// <param name="Length">Its length in bytes.</param>
internal readonly record struct DelayedPacket(byte[] Array, int Length);
