namespace TunFlow.Lwip;

/// <summary>Why an <see cref="LwipDevice"/> dropped a packet. The values up to <see cref="ClosedFlow"/> are the native stack's.</summary>
public enum PacketDropReason
{
    /// <summary>Shorter or longer than its headers say.</summary>
    Length = 0,

    /// <summary>Neither IPv4 nor IPv6.</summary>
    Version = 1,

    /// <summary>IP header length or checksum.</summary>
    IPHeader = 2,

    /// <summary>IPv4 options.</summary>
    IPOptions = 3,

    /// <summary>An IPv6 extension header other than fragment.</summary>
    ExtensionHeader = 4,

    /// <summary>A source that no host may use (RFC 1122 section 3.2.1.3, RFC 4291).</summary>
    Source = 5,

    /// <summary>A destination that is not served: loopback, unspecified, IPv4-mapped.</summary>
    Destination = 6,

    /// <summary>A multicast or broadcast destination.</summary>
    Multicast = 7,

    /// <summary>Source and destination are the same endpoint.</summary>
    Land = 8,

    /// <summary>Port 0.</summary>
    Port = 9,

    /// <summary>Neither TCP, UDP nor an echo request.</summary>
    Protocol = 10,

    /// <summary>TCP data offset.</summary>
    TcpHeader = 11,

    /// <summary>Malformed TCP options.</summary>
    TcpOptions = 12,

    /// <summary>SYN with FIN or RST, or no flags at all.</summary>
    TcpFlags = 13,

    /// <summary>UDP length.</summary>
    UdpHeader = 14,

    /// <summary>Transport checksum, or none over IPv6 (RFC 8200 section 8.1).</summary>
    Checksum = 15,

    /// <summary>A fragment that can't be part of anything served.</summary>
    Fragment = 16,

    /// <summary>Fragments over the cap, timed out or overlapping.</summary>
    Reassembly = 17,

    /// <summary>Offload fields that contradict the packet.</summary>
    Offload = 18,

    /// <summary>An acknowledgment outside the acceptable range (RFC 5961 section 5.2).</summary>
    AcknowledgmentRange = 19,

    /// <summary><see cref="LwipDeviceOptions.MaxFlows"/> is reached.</summary>
    FlowLimit = 20,

    /// <summary><see cref="LwipDeviceOptions.MaxPendingDials"/> or <see cref="LwipDeviceOptions.MaxPendingDialsPerSource"/> is reached, or the share or rate of sources that have not completed a handshake lately.</summary>
    PendingLimit = 21,

    /// <summary>The byte budget of a flow.</summary>
    FlowBytes = 22,

    /// <summary>The queue of a session is full.</summary>
    SessionQueue = 23,

    /// <summary><see cref="LwipDeviceOptions.MaxNativeBytes"/>, or the allocator.</summary>
    Memory = 24,

    /// <summary>An echo request while <see cref="LwipDeviceOptions.EchoMode"/> is <see cref="EchoMode.Drop"/>, or beyond <see cref="LwipDeviceOptions.MaxPendingEchoes"/>.</summary>
    Echo = 25,

    /// <summary>Output beyond <see cref="LwipDeviceOptions.IcmpPerSecond"/>.</summary>
    IcmpLimit = 26,

    /// <summary>Output beyond <see cref="LwipDeviceOptions.OutputQueueBytes"/>.</summary>
    OutputFull = 27,

    /// <summary>Data for a flow whose reading side was given up.</summary>
    ClosedFlow = 28,

    /// <summary>A handshake that was given up for a younger one, because too many were under way.</summary>
    HalfOpenLimit = 29,

    /// <summary>A batch entry larger than the MTU, or with an offload that isn't supported; never reached the native stack.</summary>
    Oversized = 30,
}
