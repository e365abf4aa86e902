using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>The device's dialer and packet proxy, which can be replaced while flows live.</summary>
internal sealed class Upstreams(IStreamDialer dialer, IPacketProxy packetProxy)
{
    private readonly Lock _lock = new();
    private volatile Reign _current = new(dialer, 0);
    private volatile IPacketProxy _packetProxy = packetProxy;

    /// <summary>The dialer of now.</summary>
    public Reign Current => _current;

    /// <summary>The packet proxy of now.</summary>
    public IPacketProxy PacketProxy => _packetProxy;

    /// <summary>Replaces the dialer; the result stands for it until the next replacement.</summary>
    public Reign SetDialer(IStreamDialer dialer)
    {
        Reign reign;
        lock (_lock)
            _current = reign = new Reign(dialer, _current.Number + 1);
        Interlocked.MemoryBarrier();
        return reign;
    }

    public void SetPacketProxy(IPacketProxy packetProxy) => _packetProxy = packetProxy;

    /// <summary>From one replacement to the next: a dialer that is set twice reigns twice.</summary>
    internal sealed class Reign(IStreamDialer dialer, long number)
    {
        public IStreamDialer Dialer { get; } = dialer;

        public long Number { get; } = number;

        /// <summary>Ended by the other's beginning. The order of replacements; threads that carry them out may overtake each other.</summary>
        public bool IsBefore(Reign other) => Number < other.Number;
    }
}
