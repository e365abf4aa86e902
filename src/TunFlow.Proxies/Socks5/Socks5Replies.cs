using TunFlow.Network;

namespace TunFlow.Proxies;

/// <summary>What the answers of servers mean.</summary>
internal static class Socks5Replies
{
    /// <summary>The error of an answer that isn't <see cref="Socks5Reply.Succeeded"/>.</summary>
    public static NetworkError ToError(Socks5Reply reply) => reply switch
    {
        Socks5Reply.NotAllowed => NetworkError.AccessDenied,
        Socks5Reply.NetworkUnreachable => NetworkError.NetworkUnreachable,
        Socks5Reply.HostUnreachable => NetworkError.HostUnreachable,
        Socks5Reply.ConnectionRefused => NetworkError.ConnectionRefused,
        Socks5Reply.TtlExpired => NetworkError.TimedOut,
        Socks5Reply.CommandNotSupported or Socks5Reply.AddressTypeNotSupported => NetworkError.NotSupported,
        _ => NetworkError.Unknown,
    };

    /// <summary>The end of a sentence.</summary>
    public static string Describe(Socks5Reply reply) => reply switch
    {
        Socks5Reply.GeneralFailure => "it failed",
        Socks5Reply.NotAllowed => "its rules forbid it",
        Socks5Reply.NetworkUnreachable => "the network is unreachable",
        Socks5Reply.HostUnreachable => "the host is unreachable",
        Socks5Reply.ConnectionRefused => "the connection was refused",
        Socks5Reply.TtlExpired => "the host did not answer (TTL expired)",
        Socks5Reply.CommandNotSupported => "the command is not supported",
        Socks5Reply.AddressTypeNotSupported => "the type of the address is not supported",
        _ => $"answer {(int)reply}",
    };
}
