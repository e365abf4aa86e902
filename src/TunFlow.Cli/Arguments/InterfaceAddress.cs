using System.Net;

namespace TunFlow.Cli.Arguments;

/// <summary>An address of an interface and the size of its network in bits.</summary>
internal readonly record struct InterfaceAddress(IPAddress Address, int PrefixLength)
{
    public override string ToString() => $"{Address}/{PrefixLength}";
}
