namespace TunFlow.Network;

/// <summary>The counters of one direction, in stripes that lie on cache lines of their own: threads that count at the same time rarely meet.</summary>
internal sealed class TrafficCounters
{
    private const int ClassCount = (int)PacketClass.NotIP + 1;

    // The layout of a stripe, in numbers of 8 bytes.
    private const int Packets = 0;
    private const int Bytes = Packets + ClassCount;
    private const int Segments = Bytes + ClassCount;
    private const int SuperPackets = Segments + 1;
    private const int Sizes = SuperPackets + 1;
    private const int Used = Sizes + 8;

    /// <summary>Two lines of 64 bytes: neighbouring lines are fetched in pairs.</summary>
    private const int Padding = 16;

    private const int Stride = ((Used + Padding - 1) / Padding * Padding) + Padding;

    private readonly long[] _counters;
    private readonly int _mask;

    /// <param name="concurrent">Whether several threads count at the same time.</param>
    public TrafficCounters(bool concurrent)
    {
        const int MostStripes = 16;
        int stripes = concurrent ? (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Min(MostStripes, Environment.ProcessorCount)) : 1;
        _mask = stripes - 1;
        _counters = new long[Padding + (stripes * Stride)];
    }

    public void Count(in PacketBuffer packet)
    {
        Span<long> stripe = Stripe();
        int length = packet.Length;
        int kind = (int)PacketClassifier.Classify(packet.Packet.Span);
        Interlocked.Increment(ref stripe[Packets + kind]);
        Interlocked.Add(ref stripe[Bytes + kind], length);
        Interlocked.Increment(ref stripe[Sizes + SizeClass(length)]);
        if (packet.Offload.Gso == GsoType.None)
        {
            Interlocked.Increment(ref stripe[Segments]);
        }
        else
        {
            Interlocked.Add(ref stripe[Segments], PacketClassifier.CountSegments(in packet));
            Interlocked.Increment(ref stripe[SuperPackets]);
        }
    }

    public void Count(ReadOnlySpan<PacketBuffer> packets)
    {
        foreach (ref readonly PacketBuffer packet in packets)
        {
            Count(in packet);
        }
    }

    public TrafficStatistics Snapshot()
    {
        long[] sizes = new long[TrafficStatistics.SizeLimits.Count];
        for (int i = 0; i < sizes.Length; i++)
        {
            sizes[i] = Sum(Sizes + i);
        }

        return new TrafficStatistics
        {
            Tcp4 = Get(PacketClass.Tcp4),
            Udp4 = Get(PacketClass.Udp4),
            Icmp4 = Get(PacketClass.Icmp4),
            Other4 = Get(PacketClass.Other4),
            Tcp6 = Get(PacketClass.Tcp6),
            Udp6 = Get(PacketClass.Udp6),
            Icmp6 = Get(PacketClass.Icmp6),
            Other6 = Get(PacketClass.Other6),
            NotIP = Get(PacketClass.NotIP),
            Segments = Sum(Segments),
            SuperPackets = Sum(SuperPackets),
            PacketsBySize = sizes,
        };
    }

    private static int SizeClass(int length)
    {
        int index = 0;
        while (length > TrafficStatistics.SizeLimits[index])
        {
            index++;
        }

        return index;
    }

    private Span<long> Stripe() => _counters.AsSpan(Padding + ((Thread.GetCurrentProcessorId() & _mask) * Stride), Used);

    private TrafficCount Get(PacketClass kind) => new() { Packets = Sum(Packets + (int)kind), Bytes = Sum(Bytes + (int)kind) };

    private long Sum(int index)
    {
        long sum = 0;
        for (int at = Padding + index; at < _counters.Length; at += Stride)
        {
            sum += Volatile.Read(ref _counters[at]);
        }

        return sum;
    }
}
