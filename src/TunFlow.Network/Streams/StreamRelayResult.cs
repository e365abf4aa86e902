namespace TunFlow.Network;

/// <summary>How a relay ended.</summary>
/// <param name="FirstToSecond">Bytes taken from the first connection and written to the second.</param>
/// <param name="SecondToFirst">Bytes taken from the second connection and written to the first.</param>
/// <param name="Error">What broke it, or null if both directions came to their end. If not null, both connections were aborted; an <see cref="AggregateException"/> if aborting one failed, too.</param>
public readonly record struct StreamRelayResult(long FirstToSecond, long SecondToFirst, Exception? Error);
