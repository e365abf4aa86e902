namespace TunFlow.Network.Resolvers;

/// <summary>How far a query came before it failed.</summary>
public enum DnsStage
{
    /// <summary>Nothing was sent: what was asked for can't be put into a DNS message.</summary>
    Request = 0,

    /// <summary>Connecting to the server, the TLS handshake included.</summary>
    Dial = 1,

    /// <summary>Sending the query.</summary>
    Send = 2,

    /// <summary>Waiting for the answer.</summary>
    Receive = 3,

    /// <summary>An answer came and is not usable: malformed, for another question, or one that says that the server failed.</summary>
    Response = 4,
}
