namespace TunFlow.Proxies;

/// <summary>The numbers of RFC 1928 and RFC 1929.</summary>
internal static class Socks5Protocol
{
    public const byte Version = 5;
    public const byte AuthenticationVersion = 1;

    public const byte NoAuthentication = 0x00;
    public const byte UserNameAndPassword = 0x02;
    public const byte NoAcceptableMethod = 0xFF;

    public const byte IPv4 = 1;
    public const byte Name = 3;
    public const byte IPv6 = 4;

    public const int PortLength = 2;
    public const int IPv4Length = 4;
    public const int IPv6Length = 16;

    /// <summary>The type, the length byte of a name, the longest name and the port.</summary>
    public const int MaxAddressLength = 1 + 1 + byte.MaxValue + PortLength;

    /// <summary>Version, command or reply, reserved byte.</summary>
    public const int RequestHeaderLength = 3;
}
