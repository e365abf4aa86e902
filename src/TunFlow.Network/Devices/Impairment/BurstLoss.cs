namespace TunFlow.Network;

/// <summary>Loss in bursts: the model of Gilbert and Elliott, a chain of two states that moves once per packet.</summary>
/// <remarks>The share of packets in bursts is <c>Enter / (Enter + Leave)</c>, their mean length <c>1 / Leave</c> packets. Probabilities are from 0 to 1.</remarks>
public sealed record BurstLoss
{
    private readonly double _enter;
    private readonly double _leave = 1;
    private readonly double _loss = 1;

    /// <summary>The probability that a packet starts a burst; 0 by default.</summary>
    public double Enter
    {
        get => _enter;
        init => _enter = LinkImpairment.Probability(value);
    }

    /// <summary>The probability that a packet is the last of its burst; 1 by default. Not 0: the burst would never end.</summary>
    public double Leave
    {
        get => _leave;
        init
        {
            ArgumentOutOfRangeException.ThrowIfZero(value);
            _leave = LinkImpairment.Probability(value);
        }
    }

    /// <summary>The probability that a packet in a burst is lost; 1 by default.</summary>
    public double Loss
    {
        get => _loss;
        init => _loss = LinkImpairment.Probability(value);
    }
}
