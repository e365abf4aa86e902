namespace TunFlow.Proxies;

/// <summary>How far a SOCKS5 handshake came before it failed.</summary>
public enum Socks5Stage
{
    /// <summary>Connecting to the server.</summary>
    Connect = 0,

    /// <summary>Agreeing on the method of authentication.</summary>
    Method = 1,

    /// <summary>Authentication by user name and password (RFC 1929).</summary>
    Authentication = 2,

    /// <summary>The request for a connection or an association, and the answer to it.</summary>
    Request = 3,

    /// <summary>Opening the socket to the server's UDP relay, which the server named in its answer.</summary>
    Relay = 4,
}
