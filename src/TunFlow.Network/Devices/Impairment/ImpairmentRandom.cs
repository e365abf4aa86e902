namespace TunFlow.Network;

/// <summary>Random numbers that are the same on every runtime and version: SplitMix64 (Steele, Lea, Flood 2014). Not for secrets.</summary>
internal struct ImpairmentRandom
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;

    private ulong _state;

    public ImpairmentRandom(ulong seed)
    {
        _state = seed;
    }

    public ulong Next()
    {
        _state += GoldenGamma;
        ulong mixed = _state;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }

    /// <summary>From 0 to below 1, in steps of 2^-53.</summary>
    public double NextFraction() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>True with the given probability: never for 0, always for 1.</summary>
    public bool Chance(double probability) => NextFraction() < probability;
}
