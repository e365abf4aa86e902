using System.Reflection;
using TunFlow.Devices;
using TunFlow.Lwip;
using TunFlow.Network;
using TunFlow.Proxies;

namespace TunFlow.Api.Tests.Support;

/// <summary>The assemblies that an application references.</summary>
internal static class ProductAssemblies
{
    internal static IReadOnlyList<Assembly> All { get; } =
        [typeof(IIPDevice).Assembly, typeof(LwipDevice).Assembly, typeof(LinuxTunDevice).Assembly, typeof(Socks5StreamDialer).Assembly, typeof(Tunnel).Assembly];

    /// <summary>One case each, named after the assembly.</summary>
    internal static IEnumerable<TestCaseData> Cases() =>
        All.Select(static assembly => new TestCaseData(assembly).SetArgDisplayNames(assembly.GetName().Name!));
}
