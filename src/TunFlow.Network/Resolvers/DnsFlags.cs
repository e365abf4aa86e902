namespace TunFlow.Network.Resolvers;

/// <summary>The second 16 bits of a message (RFC 1035 section 4.1.1, RFC 4035 section 3).</summary>
[Flags]
internal enum DnsFlags : ushort
{
    None = 0,
    AuthenticData = 0x0020,
    RecursionAvailable = 0x0080,
    RecursionDesired = 0x0100,
    Truncated = 0x0200,
    AuthoritativeAnswer = 0x0400,
    Response = 0x8000,
}
