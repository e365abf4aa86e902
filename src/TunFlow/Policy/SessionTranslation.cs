using System.Net;

namespace TunFlow.Policy;

/// <summary>Translates the endpoints of one packet session in both directions. Any thread.</summary>
/// <remarks>
/// The way back is ambiguous when two names lead to one target: the resolver's stand-in and the host loopback's can both mean
/// 127.0.0.1:53, and an application may also talk to the resolver's true address. An answer then seems to come from the name that
/// this session used last.
/// </remarks>
internal sealed class SessionTranslation(EndPointMap map)
{
    // When each rule was last used, in ticks of _clock; 0 is never, and negative means that its target was since addressed
    // directly.
    private readonly int[] _lastUse = new int[map.Rules.Length];
    private int _clock;

    // Endpoints are immutable and mostly the same object from one datagram to the next, so one entry spares nearly all work and
    // allocation.
    private volatile Pair? _lastOutward;
    private volatile Pair? _lastInward;

    /// <summary>Where a datagram really goes, or null if nobody may go there.</summary>
    internal IPEndPoint? Outward(IPEndPoint destination)
    {
        Pair? last = _lastOutward;
        if (last is not null && last.From.Equals(destination))
            return last.To;
        IPEndPoint? target = map.Translate(destination, out int rule);
        if (target is null)
            return null;
        Remember(target, rule);
        _lastInward = null;
        _lastOutward = new Pair(destination, target);
        return target;
    }

    /// <summary>Whom an answer seems to come from, or null if it must not be seen.</summary>
    internal IPEndPoint? Inward(IPEndPoint source)
    {
        Pair? last = _lastInward;
        if (last is not null && last.From.Equals(source))
            return last.To;
        IPEndPoint? seen = TranslateBack(source);
        if (seen is not null)
            _lastInward = new Pair(source, seen);
        return seen;
    }

    private void Remember(IPEndPoint target, int rule)
    {
        int now = Interlocked.Increment(ref _clock);
        if (rule >= 0)
        {
            Volatile.Write(ref _lastUse[rule], now);
            return;
        }

        for (int i = 0; i < _lastUse.Length; i++)
        {
            if (map.Rules[i].TargetMatches(target))
                Volatile.Write(ref _lastUse[i], -1);
        }
    }

    private IPEndPoint? TranslateBack(IPEndPoint source)
    {
        EndPointRule? best = null;
        int bestUse = int.MinValue;
        bool direct = false;
        for (int i = 0; i < _lastUse.Length; i++)
        {
            EndPointRule rule = map.Rules[i];
            if (!rule.TargetMatches(source))
                continue;
            int use = Volatile.Read(ref _lastUse[i]);
            direct |= use < 0;
            // A rule for all ports also names hosts that answer without having been asked (endpoint-independent filtering, RFC
            // 4787).
            if (use > bestUse && (use > 0 || rule.Port is null))
                (best, bestUse) = (rule, use);
        }

        if (best is not null && (bestUse > 0 || !direct))
            return best.TranslateBack(source);
        return EndPointMap.IsLocal(source.Address) ? null : source;
    }

    private sealed record Pair(IPEndPoint From, IPEndPoint To);
}
