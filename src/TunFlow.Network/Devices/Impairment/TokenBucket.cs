namespace TunFlow.Network;

/// <summary>A token bucket with a queue, as arithmetic: it tells when a packet may leave, and keeps nothing but the moment at which the bucket is full again.</summary>
internal sealed class TokenBucket
{
    private readonly double _bytesPerTick;
    private readonly double _burst;
    private readonly double _queue;
    private double _full;

    public TokenBucket(long bytesPerSecond, int burstBytes, int queueBytes, long ticksPerSecond)
    {
        _bytesPerTick = (double)bytesPerSecond / ticksPerSecond;
        _burst = burstBytes;
        _queue = queueBytes;
        _full = double.NegativeInfinity;
    }

    /// <summary>Takes a packet's tokens, in advance if need be. False if too many bytes wait already.</summary>
    /// <param name="length">The packet's bytes.</param>
    /// <param name="now">The time in ticks.</param>
    /// <param name="departure">When it leaves: now, or when the tokens will be there.</param>
    public bool TryTake(int length, long now, out long departure)
    {
        double full = Math.Max(_full, now);
        double missing = (full - now) * _bytesPerTick;
        departure = now;

        // What is owed beyond the bucket is waiting in the queue.
        if (missing - _burst > 0 && missing - _burst + length > _queue)
        {
            return false;
        }

        _full = full + (length / _bytesPerTick);
        departure = Math.Max(now, (long)Math.Ceiling(_full - (_burst / _bytesPerTick)));
        return true;
    }
}
