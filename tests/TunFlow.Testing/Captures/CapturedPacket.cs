namespace TunFlow.Testing.Captures;

/// <summary>A packet of a capture file.</summary>
/// <param name="Nanoseconds">When, since 1970.</param>
/// <param name="Data">What was kept of it.</param>
/// <param name="Length">How long it was.</param>
/// <param name="Direction">1 for inbound, 2 for outbound.</param>
public sealed record CapturedPacket(ulong Nanoseconds, byte[] Data, int Length, int Direction);
