namespace TunFlow.Network.Relays;

/// <summary>Options of <see cref="ProxyPacketRelay"/>.</summary>
public sealed class ProxyPacketRelayOptions
{
    /// <summary>The default of <see cref="MaxQueuedDatagrams"/>: 64.</summary>
    public const int DefaultMaxQueuedDatagrams = 64;

    /// <summary>The default of <see cref="MaxQueuedBytes"/>: 256 KiB.</summary>
    public const int DefaultMaxQueuedBytes = 256 * 1024;

    private readonly int _maxQueuedDatagrams = DefaultMaxQueuedDatagrams;
    private readonly int _maxQueuedBytes = DefaultMaxQueuedBytes;

    /// <summary>How many datagrams of an association wait for somebody to receive them; 64 by default. More are dropped and counted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive.</exception>
    public int MaxQueuedDatagrams
    {
        get => _maxQueuedDatagrams;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            _maxQueuedDatagrams = value;
        }
    }

    /// <summary>How many bytes the waiting datagrams of an association may take, as allocated; 256 KiB by default. What doesn't fit is dropped and counted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 65,536: any datagram must fit.</exception>
    public int MaxQueuedBytes
    {
        get => _maxQueuedBytes;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, BlockPool.BlockSize);
            _maxQueuedBytes = value;
        }
    }
}
