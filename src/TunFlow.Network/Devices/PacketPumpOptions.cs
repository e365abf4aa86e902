namespace TunFlow.Network;

/// <summary>Options of <see cref="PacketPump"/>.</summary>
public sealed class PacketPumpOptions
{
    private readonly int _batchSize = 16;

    /// <summary>The largest number of packets moved per call where both devices can batch, 1 to 1,024; 16 by default. Each costs a buffer of 64 KiB per direction.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is outside this range.</exception>
    public int BatchSize
    {
        get => _batchSize;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 1024);
            _batchSize = value;
        }
    }
}
