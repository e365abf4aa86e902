namespace TunFlow.Lwip;

/// <summary>What an <see cref="LwipDevice"/> did so far and holds now. A snapshot; counters start at 0 with the device.</summary>
public sealed record LwipStatistics
{
    /// <summary>Packets written to the device.</summary>
    public long PacketsIn { get; init; }

    /// <summary>Bytes of these, IP headers included.</summary>
    public long BytesIn { get; init; }

    /// <summary>Packets made for the application; a super-packet counts once.</summary>
    public long PacketsOut { get; init; }

    /// <summary>Bytes of these, IP headers included.</summary>
    public long BytesOut { get; init; }

    /// <summary>Dropped packets by reason.</summary>
    public required PacketDropCounters Drops { get; init; }

    /// <summary>TCP flows that exist now, those being dialled and those waiting out their end included.</summary>
    public int Flows { get; init; }

    /// <summary>Of these, flows whose upstream is being dialled.</summary>
    public int FlowsPending { get; init; }

    /// <summary>Of these, flows whose handshake isn't complete.</summary>
    public int FlowsHalfOpen { get; init; }

    /// <summary>Of these, flows in TIME_WAIT.</summary>
    public int FlowsTimeWait { get; init; }

    /// <summary>Handshakes completed.</summary>
    public long FlowsOpened { get; init; }

    /// <summary>Connection attempts answered with RST or ICMP because the dial failed.</summary>
    public long FlowsRefused { get; init; }

    /// <summary>Flows reset by the application.</summary>
    public long FlowsResetByApplication { get; init; }

    /// <summary>Flows reset by this device: upstream errors, aborts, timeouts.</summary>
    public long FlowsReset { get; init; }

    /// <summary>Of these, flows that <see cref="LwipDeviceOptions.HalfClosedTimeout"/> ended.</summary>
    public long FlowsHalfClosedExpired { get; init; }

    /// <summary>Dials started. Those that have ended either succeeded or failed.</summary>
    public long Dials { get; init; }

    /// <summary>Dials that made a connection.</summary>
    public long DialsSucceeded { get; init; }

    /// <summary>Dials that failed, those that timed out or were given up included.</summary>
    public long DialsFailed { get; init; }

    /// <summary>Dials that took longer than <see cref="LwipDeviceOptions.DialTimeout"/>.</summary>
    public long DialsTimedOut { get; init; }

    /// <summary>Dials given up because the application or the device went away first, or the dialer was replaced; the flow is then dialled anew.</summary>
    public long DialsCancelled { get; init; }

    /// <summary>Payload bytes passed from applications to TCP upstreams.</summary>
    public long StreamBytesUp { get; init; }

    /// <summary>Payload bytes passed from TCP upstreams to applications.</summary>
    public long StreamBytesDown { get; init; }

    /// <summary>Established flows that ended because their upstream failed.</summary>
    public long UpstreamErrors { get; init; }

    /// <summary>Exceptions of dialers, streams and packet proxies that are no network errors: bugs outside this library. Each ended its flow or datagram only.</summary>
    public long UnexpectedExceptions { get; init; }

    /// <summary>Connection attempts and datagrams to <see cref="LwipDeviceOptions.ProxyEndPoints"/>: the tunnel's own traffic, refused.</summary>
    public long LoopsRefused { get; init; }

    /// <summary>Connection attempts and datagrams that the policy refused or dropped.</summary>
    public long PolicyRefusals { get; init; }

    /// <summary>Times that the policy failed or took too long; the flow was refused. Of a datagram also counted in <see cref="PolicyRefusals"/>.</summary>
    public long PolicyFailures { get; init; }

    /// <summary>UDP sessions that exist now.</summary>
    public int Sessions { get; init; }

    /// <summary>UDP sessions opened.</summary>
    public long SessionsOpened { get; init; }

    /// <summary>UDP sessions ended to make room at <see cref="LwipDeviceOptions.MaxSessions"/>.</summary>
    public long SessionsEvicted { get; init; }

    /// <summary>UDP sessions that the packet proxy failed to open.</summary>
    public long SessionsFailed { get; init; }

    /// <summary>Datagrams passed to packet proxies.</summary>
    public long DatagramsUp { get; init; }

    /// <summary>Datagrams passed to applications.</summary>
    public long DatagramsDown { get; init; }

    /// <summary>Datagrams that packet proxies failed to send, and those that still waited for it when their session ended or could not be opened.</summary>
    public long DatagramsFailed { get; init; }

    /// <summary>Echo requests given to the <see cref="LwipDeviceOptions.EchoHandler"/>.</summary>
    public long EchoRequests { get; init; }

    /// <summary>Of these, those that it failed on or took too long for; they got no answer.</summary>
    public long EchoFailures { get; init; }

    /// <summary>Echo replies made, by this device or at the handler's word.</summary>
    public long EchoReplies { get; init; }

    /// <summary>Bytes that the native stack has allocated now.</summary>
    public long NativeBytes { get; init; }

    /// <summary>The most it ever had.</summary>
    public long NativeBytesPeak { get; init; }

    /// <summary>Allocations of the native stack that <see cref="LwipDeviceOptions.MaxNativeBytes"/> or the system refused. Each cost a packet, a connection attempt or some time.</summary>
    public long AllocationFailures { get; init; }

    /// <summary>Assertions of lwIP that failed; each ended its flow or packet. Anything but 0 is a bug worth a report.</summary>
    public long Asserts { get; init; }

    /// <summary>Timer ticks that lwIP ran.</summary>
    public long Ticks { get; init; }

    /// <summary>TCP segments sent again.</summary>
    public long Retransmissions { get; init; }

    /// <summary>Packets waiting to be read from the device.</summary>
    public int OutputQueue { get; init; }
}
