using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>What a <see cref="FlowPolicy"/> decided. The default value is <see cref="Accept"/>.</summary>
public readonly record struct FlowDecision
{
    private FlowDecision(FlowVerdict verdict) => Verdict = verdict;

    /// <summary>Goes on with the device's own dialer or packet proxy.</summary>
    public static FlowDecision Accept => default;

    /// <summary>Ends the flow without a word: the application repeats its SYN until it gives up, or waits in vain for an answer to its datagram.</summary>
    public static FlowDecision Drop => new(FlowVerdict.Drop);

    /// <summary>Refuses as a host does that has nobody at that port: RST, or ICMP port unreachable.</summary>
    public static FlowDecision Refuse => RefuseWith(NetworkError.ConnectionRefused);

    /// <summary>The dialer to use for a TCP flow, or null for the device's.</summary>
    public IStreamDialer? Dialer { get; private init; }

    /// <summary>The proxy to use for a UDP session's datagrams to this remote, or null for the device's.</summary>
    public IPacketProxy? PacketProxy { get; private init; }

    /// <summary>When to answer this flow's SYN, or null for the device's mode.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode.</exception>
    public AcceptMode? AcceptMode
    {
        get;
        init => field = value is not { } mode || Enum.IsDefined(mode) ? value : throw new ArgumentOutOfRangeException(nameof(AcceptMode), value, "There is no such mode.");
    }

    /// <summary>
    /// How long the UDP session may be without traffic, instead of <see cref="LwipDeviceOptions.UdpIdleTimeout"/> and <see cref="LwipDeviceOptions.DnsIdleTimeout"/>;
    /// null leaves it to those. The longest that was decided for any of a session's remotes holds. Without meaning for TCP. 1 millisecond to 1 day.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is outside its range.</exception>
    public TimeSpan? IdleTimeout
    {
        get;
        init => field = value is not { } time || (time >= TimeSpan.FromMilliseconds(1) && time <= TimeSpan.FromDays(1))
            ? value
            : throw new ArgumentOutOfRangeException(nameof(IdleTimeout), value, "1 millisecond to 1 day.");
    }

    internal FlowVerdict Verdict { get; }

    internal NetworkError Error { get; private init; }

    /// <summary>Goes on with another dialer; UDP goes on with the device's proxy.</summary>
    /// <param name="dialer">Dials this flow. Not owned.</param>
    public static FlowDecision AcceptWith(IStreamDialer dialer)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        return new FlowDecision(FlowVerdict.Accept) { Dialer = dialer };
    }

    /// <summary>Goes on with another packet proxy; TCP goes on with the device's dialer.</summary>
    /// <param name="packetProxy">Carries the session's datagrams to this remote, in a session of its own. Not owned.</param>
    public static FlowDecision AcceptWith(IPacketProxy packetProxy)
    {
        ArgumentNullException.ThrowIfNull(packetProxy);
        return new FlowDecision(FlowVerdict.Accept) { PacketProxy = packetProxy };
    }

    /// <summary>Refuses with a reason that the application gets to see.</summary>
    /// <param name="error"><see cref="NetworkError.HostUnreachable"/>, <see cref="NetworkError.NetworkUnreachable"/> and <see cref="NetworkError.AccessDenied"/> become the ICMP message of that name, <see cref="NetworkError.AddressNotAvailable"/> that of an unreachable host; everything else RST, or ICMP port unreachable.</param>
    public static FlowDecision RefuseWith(NetworkError error) => new(FlowVerdict.Refuse) { Error = error };
}
