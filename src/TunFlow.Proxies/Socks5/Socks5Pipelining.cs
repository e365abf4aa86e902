namespace TunFlow.Proxies;

/// <summary>Whether a server copes with everything at once.</summary>
internal enum Socks5Pipelining
{
    Unknown,
    Works,
    Off,
}
