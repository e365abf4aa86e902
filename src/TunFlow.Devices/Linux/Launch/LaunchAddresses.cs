using System.Net;

namespace TunFlow.Devices.Linux.Launch;

/// <summary>The fixed addresses of the launcher's tunnel: the constants of native/launcher/protocol.h.</summary>
internal static class LaunchAddresses
{
    /// <summary>The command's own addresses.</summary>
    internal static readonly IPAddress Device4 = IPAddress.Parse("10.0.85.1");

    /// <inheritdoc cref="Device4"/>
    internal static readonly IPAddress Device6 = IPAddress.Parse("fd7e:5f1a:3c9d::1");

    /// <summary>Stands for the host's 127.0.0.1, where that is allowed.</summary>
    internal static readonly IPAddress HostLoopback4 = IPAddress.Parse("10.0.85.2");

    /// <summary>Stands for the host's ::1, where that is allowed.</summary>
    internal static readonly IPAddress HostLoopback6 = IPAddress.Parse("fd7e:5f1a:3c9d::2");

    /// <summary>The name server in the command's resolv.conf when no other was asked for: port 53 of it stands for the host's resolver.</summary>
    internal static readonly IPAddress Dns4 = IPAddress.Parse("10.0.85.3");

    /// <inheritdoc cref="Dns4"/>
    internal static readonly IPAddress Dns6 = IPAddress.Parse("fd7e:5f1a:3c9d::3");
}
