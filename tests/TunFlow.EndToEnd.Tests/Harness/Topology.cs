using System.Net;
using System.Net.Sockets;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>
/// Two namespaces: in <see cref="Host"/> runs <c>tunflow up</c> and listen the servers; its TUN was moved into <see cref="Application"/>, where the
/// clients run and have no other way out.
/// </summary>
internal sealed class Topology : IAsyncDisposable
{
    internal const string Tun = "tunflow0";
    internal static readonly IPAddress Server4 = IPAddress.Parse("203.0.113.1");
    internal static readonly IPAddress Server6 = IPAddress.Parse("2001:db8:1::1");

    /// <summary>Addresses that <see cref="Host"/> has no way to.</summary>
    internal static readonly IPAddress Unreachable4 = IPAddress.Parse("198.51.100.1");

    /// <inheritdoc cref="Unreachable4"/>
    internal static readonly IPAddress Unreachable6 = IPAddress.Parse("2001:db8:2::1");

    private Topology(NetworkNamespace host, NetworkNamespace application)
    {
        Host = host;
        Application = application;
    }

    internal NetworkNamespace Host { get; }

    internal NetworkNamespace Application { get; }

    internal TunnelProcess Tunnel { get; private set; } = null!;

    internal static async Task<Topology> CreateAsync(params IEnumerable<string> options)
    {
        Topology topology = new(new NetworkNamespace(), new NetworkNamespace());
        try
        {
            topology.Host.Ip($"address add {Server4}/32 dev lo");
            topology.Host.Ip($"address add {Server6}/128 dev lo nodad");
            topology.Host.Ip("route add unreachable 198.51.100.0/24");
            topology.Host.Ip("-6 route add unreachable 2001:db8:2::/48");
            topology.Tunnel = await TunnelProcess.StartAsync(topology.Host, ["--tun", Tun, "--stats", .. options]);
            topology.Host.Ip($"link set {Tun} netns {topology.Application.Name}");
            Configure(topology.Application, Tun);
            return topology;
        }
        catch
        {
            await topology.DisposeAsync();
            throw;
        }
    }

    /// <summary>Gives a namespace the TUN as its only way out.</summary>
    internal static void Configure(NetworkNamespace application, string tun)
    {
        application.Ip($"address add 192.0.2.2/24 dev {tun}");
        application.Ip($"address add 2001:db8::2/64 dev {tun} nodad");
        application.Ip($"link set {tun} up");
        application.Ip($"route add default dev {tun}");
        application.Ip($"-6 route add default dev {tun}");
    }

    internal static IPAddress Server(AddressFamily family) => family == AddressFamily.InterNetwork ? Server4 : Server6;

    /// <summary>host:port as it stands in a URL.</summary>
    internal static string Authority(IPAddress address, int port) => new IPEndPoint(address, port).ToString();

    public async ValueTask DisposeAsync()
    {
        if (Tunnel is not null)
            await Tunnel.DisposeAsync();
        Application.Dispose();
        Host.Dispose();
    }
}
