namespace TunFlow.Proxies;

internal enum Socks5DatagramKind
{
    Whole,
    Fragment,
    Malformed,
}
