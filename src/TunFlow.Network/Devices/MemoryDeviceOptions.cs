namespace TunFlow.Network;

/// <summary>Options of <see cref="MemoryDevice"/>.</summary>
public sealed class MemoryDeviceOptions
{
    private readonly int _mtu = 1500;
    private readonly int _capacity = 1024;

    /// <summary>The MTU in bytes, from 68 (RFC 791) to 65,535; 1,500 by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is outside this range.</exception>
    public int Mtu
    {
        get => _mtu;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 68);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, PacketBuffer.MaxPacketLength);
            _mtu = value;
        }
    }

    /// <summary>How many packets wait in each direction, at least 1; 1,024 by default. More are dropped and counted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int Capacity
    {
        get => _capacity;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            _capacity = value;
        }
    }

    /// <summary>What packets written in batches may carry through; none by default.</summary>
    public PacketOffloads SupportedOffloads { get; init; }
}
