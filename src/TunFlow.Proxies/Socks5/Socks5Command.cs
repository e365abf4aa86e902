namespace TunFlow.Proxies;

/// <summary>What a server is asked for (RFC 1928, section 4).</summary>
internal enum Socks5Command
{
    Connect = 1,
    UdpAssociate = 3,
}
