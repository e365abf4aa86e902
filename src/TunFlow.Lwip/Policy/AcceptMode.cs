namespace TunFlow.Lwip;

/// <summary>When the application's SYN is answered, seen from the dial.</summary>
public enum AcceptMode
{
    /// <summary>After the dial succeeded; a failed one becomes RST or ICMP. The application learns the truth, also how long connecting takes.</summary>
    DialFirst = 0,

    /// <summary>At once; the dial begins when the handshake is complete. A failed dial resets a connection that the application took for made. Saves a round trip where the upstream is known to accept.</summary>
    AcceptFirst = 1,

    /// <summary>As <see cref="AcceptFirst"/>, but the dial waits for the first bytes, so that a proxy protocol can send them along with its request; at most for <see cref="LwipDeviceOptions.FirstPayloadTimeout"/>, because in some protocols the server speaks first.</summary>
    DialAtFirstPayload = 2,
}
