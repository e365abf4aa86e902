using System.Collections;

namespace TunFlow.Lwip;

/// <summary>Dropped packets by reason. Immutable.</summary>
public sealed class PacketDropCounters : IReadOnlyCollection<KeyValuePair<PacketDropReason, long>>
{
    internal const int ReasonCount = (int)PacketDropReason.Oversized + 1;

    private readonly long[] _counts;

    internal PacketDropCounters(long[] counts)
    {
        _counts = counts;
        foreach (long count in counts)
            Total += count;
    }

    /// <summary>All dropped packets.</summary>
    public long Total { get; }

    /// <summary>The number of reasons there are.</summary>
    public int Count => _counts.Length;

    /// <summary>The packets dropped for one reason; 0 for a value that is no reason.</summary>
    /// <param name="reason">The reason.</param>
    public long this[PacketDropReason reason] => (uint)reason < (uint)_counts.Length ? _counts[(int)reason] : 0;

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<PacketDropReason, long>> GetEnumerator()
    {
        for (int i = 0; i < _counts.Length; i++)
            yield return new((PacketDropReason)i, _counts[i]);
    }

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Lists the reasons that occurred.</summary>
    public override string ToString()
    {
        IEnumerable<string> seen = this.Where(static entry => entry.Value != 0).Select(static entry => $"{entry.Key} {entry.Value}");
        string text = string.Join(", ", seen);
        return text.Length == 0 ? "none" : text;
    }
}
