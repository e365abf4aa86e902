namespace TunFlow.Network;

/// <summary>Draws the fate of packet after packet. Each takes the same number of random numbers, so one effect's settings don't change another's choices.</summary>
internal sealed class FateSource
{
    private readonly LinkImpairment _impairment;
    private ImpairmentRandom _random;
    private bool _inBurst;

    public FateSource(LinkImpairment impairment, ulong seed)
    {
        _impairment = impairment;
        _random = new ImpairmentRandom(seed);
    }

    public PacketFate Next()
    {
        bool lost = _random.Chance(_impairment.Loss);
        bool burst = NextOfBursts(_impairment.Bursts);
        return new PacketFate
        {
            IsLost = lost || burst,
            IsLostInBurst = burst && !lost,
            IsCorrupted = _random.Chance(_impairment.Corruption),
            CorruptedBit = _random.Next(),
            IsDuplicated = _random.Chance(_impairment.Duplication),
            IsReordered = _random.Chance(_impairment.Reordering),
            Jitter = _random.NextFraction(),
        };
    }

    private bool NextOfBursts(BurstLoss? bursts)
    {
        double move = _random.NextFraction(), loss = _random.NextFraction();
        if (bursts is null)
        {
            return false;
        }

        _inBurst = _inBurst ? move >= bursts.Leave : move < bursts.Enter;
        return _inBurst && loss < bursts.Loss;
    }
}
