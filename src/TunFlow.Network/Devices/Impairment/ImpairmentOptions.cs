namespace TunFlow.Network;

/// <summary>Options of an <see cref="ImpairmentDevice"/>. Immutable.</summary>
public sealed record ImpairmentOptions
{
    private readonly LinkImpairment _read = new();
    private readonly LinkImpairment _written = new();
    private readonly int _maxDelayedPackets = 16_384;
    private readonly int _maxDelayedBytes = 32 * 1024 * 1024;
    private readonly int _readQueueLength = 1024;
    private readonly TimeProvider _timeProvider = TimeProvider.System;

    /// <summary>What happens to packets on their way out of the device inside: those that are read; nothing by default.</summary>
    public LinkImpairment Read
    {
        get => _read;
        init => _read = NotNull(value);
    }

    /// <summary>What happens to packets on their way into the device inside: those that are written; nothing by default.</summary>
    public LinkImpairment Written
    {
        get => _written;
        init => _written = NotNull(value);
    }

    /// <summary>Where the random numbers start; 0 by default. The fate of a packet depends on this and on its number in its direction, and on nothing else.</summary>
    public ulong Seed { get; init; }

    /// <summary>How many packets may be on their way in each direction, 1 to 2^20; 16,384 by default. More are dropped and counted.</summary>
    public int MaxDelayedPackets
    {
        get => _maxDelayedPackets;
        init => _maxDelayedPackets = InRange(value, 1, 1 << 20);
    }

    /// <summary>How many bytes these packets may have, in each direction, 64 KiB to 2^30; 32 MiB by default.</summary>
    public int MaxDelayedBytes
    {
        get => _maxDelayedBytes;
        init => _maxDelayedBytes = InRange(value, 64 * 1024, 1 << 30);
    }

    /// <summary>How many packets that have arrived wait to be read, 1 to 65,536; 1,024 by default. More are dropped and counted.</summary>
    public int ReadQueueLength
    {
        get => _readQueueLength;
        init => _readQueueLength = InRange(value, 1, 65_536);
    }

    /// <summary>The clock of delays and rates.</summary>
    public TimeProvider TimeProvider
    {
        get => _timeProvider;
        init => _timeProvider = NotNull(value);
    }

    private static T NotNull<T>(T value)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(value);
        return value;
    }

    private static int InRange(int value, int least, int most)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, least);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most);
        return value;
    }
}
