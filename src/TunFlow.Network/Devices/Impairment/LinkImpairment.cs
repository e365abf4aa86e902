namespace TunFlow.Network;

/// <summary>What happens to the packets of one direction. Immutable; by default nothing happens. Probabilities are from 0 to 1 and per packet.</summary>
/// <remarks>A packet is, in this order: lost, corrupted, duplicated, held up by the rate limit, delayed. What is lost takes nothing of the rate.</remarks>
public sealed record LinkImpairment
{
    private static readonly TimeSpan s_longest = TimeSpan.FromHours(1);

    private readonly double _loss;
    private readonly double _duplication;
    private readonly double _corruption;
    private readonly double _reordering;
    private readonly TimeSpan _reorderDelay = TimeSpan.FromMilliseconds(10);
    private readonly TimeSpan _delay;
    private readonly TimeSpan _jitter;
    private readonly long? _bytesPerSecond;
    private readonly int _burstBytes = 16 * 1024;
    private readonly int _queueBytes = 256 * 1024;

    /// <summary>The probability that a packet is lost, independently of others.</summary>
    public double Loss
    {
        get => _loss;
        init => _loss = Probability(value);
    }

    /// <summary>Loss in bursts, on top of <see cref="Loss"/>; null for none.</summary>
    public BurstLoss? Bursts { get; init; }

    /// <summary>The probability that one bit of a packet, anywhere in it, is turned over. Its checksums stay as they were, so receivers notice.</summary>
    public double Corruption
    {
        get => _corruption;
        init => _corruption = Probability(value);
    }

    /// <summary>The probability that a packet comes twice; the copy is right behind it.</summary>
    public double Duplication
    {
        get => _duplication;
        init => _duplication = Probability(value);
    }

    /// <summary>The probability that a packet is held back by <see cref="ReorderDelay"/>, so that those behind it overtake. All other packets keep their order, whatever the jitter.</summary>
    public double Reordering
    {
        get => _reordering;
        init => _reordering = Probability(value);
    }

    /// <summary>How long a reordered packet is held back in addition to its delay; 10 ms by default, at most 1 hour.</summary>
    public TimeSpan ReorderDelay
    {
        get => _reorderDelay;
        init => _reorderDelay = Duration(value);
    }

    /// <summary>How long every packet takes at least; at most 1 hour.</summary>
    public TimeSpan Delay
    {
        get => _delay;
        init => _delay = Duration(value);
    }

    /// <summary>By how much the delay of a packet is longer than <see cref="Delay"/>, at most 1 hour: evenly distributed from 0 to this.</summary>
    public TimeSpan Jitter
    {
        get => _jitter;
        init => _jitter = Duration(value);
    }

    /// <summary>The rate limit in bytes per second, IP headers included, 1 to 10^12; null for none. A token bucket of <see cref="BurstBytes"/>.</summary>
    public long? BytesPerSecond
    {
        get => _bytesPerSecond;
        init
        {
            if (value is { } rate)
            {
                ArgumentOutOfRangeException.ThrowIfLessThan(rate, 1);
                ArgumentOutOfRangeException.ThrowIfGreaterThan(rate, 1_000_000_000_000);
            }

            _bytesPerSecond = value;
        }
    }

    /// <summary>How many bytes may pass at once after a pause, 1 to 2^30; 16 KiB by default. A packet larger than this passes, too, when the bucket has been full and long enough.</summary>
    public int BurstBytes
    {
        get => _burstBytes;
        init => _burstBytes = Size(value);
    }

    /// <summary>How many bytes wait for the rate limit, 1 to 2^30; 256 KiB by default. A packet that doesn't fit is dropped and counted.</summary>
    public int QueueBytes
    {
        get => _queueBytes;
        init => _queueBytes = Size(value);
    }

    internal static double Probability(double value)
    {
        // Not a number is in no range.
        if (value is >= 0 and <= 1)
        {
            return value;
        }

        throw new ArgumentOutOfRangeException(nameof(value), value, "A probability is from 0 to 1.");
    }

    private static TimeSpan Duration(TimeSpan value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, s_longest);
        return value;
    }

    private static int Size(int value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 1 << 30);
        return value;
    }
}
