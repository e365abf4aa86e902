using System.Net;
using System.Net.Sockets;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;

namespace TunFlow.EndToEnd.Tests.Samples;

/// <summary>
/// What a sample finds on the machine of whoever tries it: an interface to the world, here <c>uplink</c>, behind it a router, behind that a server.
/// </summary>
/// <remarks>
/// <code>
/// Application: the sample, curl, dig          Router                               Server
/// uplink 198.51.100.2 --------- 198.51.100.1 near, far 192.0.2.1 --------- 192.0.2.2 wire; lo 203.0.113.1
/// </code>
/// There is no route to 203.0.113.1 except for sockets that are bound to <c>uplink</c>: what comes back came through the sample.
/// </remarks>
internal sealed class SampleNetwork : IDisposable
{
    internal const string Uplink = "uplink";
    internal const string Network = "203.0.113.0/24";
    internal static readonly IPAddress Address = IPAddress.Parse("203.0.113.1");

    private readonly NetworkNamespace _router = new();
    private readonly NetworkNamespace _server = new();
    private readonly List<IDisposable> _servers = [];

    internal SampleNetwork()
    {
        try
        {
            Application.Ip($"link add {Uplink} type veth peer name near netns {_router.Name}");
            Connect(Application, Uplink, "198.51.100.2", _router, "near", "198.51.100.1");
            _router.Ip($"link add far type veth peer name wire netns {_server.Name}");
            Connect(_router, "far", "192.0.2.1", _server, "wire", "192.0.2.2");

            Application.Ip($"rule add oif {Uplink} lookup 100");
            Application.Ip($"route add default via 198.51.100.1 dev {Uplink} table 100");
            _router.Ip($"route add {Network} via 192.0.2.2");
            _router.Do(static () => { File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "1"); return true; });
            _server.Ip("route add default via 192.0.2.1");
            _server.Ip($"address add {Address}/32 dev lo");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    internal NetworkNamespace Application { get; } = new();

    /// <summary>The URL at which the server serves bytes from now on.</summary>
    internal string ServeHttp(byte[] content)
    {
        HttpServer server = new(_server.Listen(new IPEndPoint(Address, 0)), content);
        _servers.Add(server);
        return $"http://{Address}:{server.Port}/";
    }

    /// <summary>Answers names from now on, by UDP and TCP.</summary>
    internal void ServeNames()
    {
        IPEndPoint local = new(Address, 53);
        Socket datagrams = _server.CreateSocket(local.AddressFamily, SocketType.Dgram);
        datagrams.Bind(local);
        _servers.Add(new DnsServer(datagrams, _server.Listen(local)));
    }

    /// <summary>The router drops UDP without a word, as some networks do.</summary>
    internal void BlockUdp() => _router.Ip("rule add priority 10 ipproto udp blackhole");

    internal void AllowUdp() => _router.Ip("rule delete priority 10");

    public void Dispose()
    {
        foreach (IDisposable server in _servers)
            server.Dispose();
        Application.Dispose();
        _router.Dispose();
        _server.Dispose();
    }

    private static void Connect(NetworkNamespace one, string interface1, string address1, NetworkNamespace other, string interface2, string address2)
    {
        one.Ip($"address add {address1}/24 dev {interface1}");
        one.Ip($"link set {interface1} up");
        other.Ip($"address add {address2}/24 dev {interface2}");
        other.Ip($"link set {interface2} up");
    }
}
