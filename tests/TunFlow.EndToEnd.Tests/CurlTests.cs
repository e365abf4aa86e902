using System.Net;
using System.Net.Sockets;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;

namespace TunFlow.EndToEnd.Tests;

/// <summary>curl through <c>tunflow up</c>, whose TUN was moved into another namespace.</summary>
[TestFixture]
public sealed class CurlTests
{
    private const int Size = 100_000_000;

    private Topology _topology = null!;
    private byte[] _content = [];
    private string _directory = string.Empty;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        Requirements.Check("curl", "dig");
        _content = TestData.Create(Size);
        _directory = Directory.CreateTempSubdirectory("tunflow-e2e-").FullName;
        await File.WriteAllBytesAsync(Path.Combine(_directory, "upload"), _content);
        _topology = await Topology.CreateAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_topology is not null)
            await _topology.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
        _content = [];
    }

    [TestCase(AddressFamily.InterNetwork)]
    [TestCase(AddressFamily.InterNetworkV6)]
    public async Task Download_of_100_MB_is_byte_exact(AddressFamily family)
    {
        using HttpServer server = new(_topology.Host.Listen(new IPEndPoint(Topology.Server(family), 0)), _content);
        string file = Path.Combine(_directory, $"download-{family}");

        (await _topology.Application.RunAsync("curl", "-sS", "-o", file, Url(family, server.Port))).Succeeded();

        Assert.That(TestData.Hash(await File.ReadAllBytesAsync(file)), Is.EqualTo(TestData.Hash(_content)));
    }

    [TestCase(AddressFamily.InterNetwork)]
    [TestCase(AddressFamily.InterNetworkV6)]
    public async Task Upload_of_100_MB_is_byte_exact(AddressFamily family)
    {
        using HttpServer server = new(_topology.Host.Listen(new IPEndPoint(Topology.Server(family), 0)), _content);

        ToolResult curl = await _topology.Application.RunAsync("curl", "-sS", "-T", Path.Combine(_directory, "upload"), Url(family, server.Port));

        Assert.That(curl.Succeeded(), Is.EqualTo(TestData.Hash(_content)));
    }

    [TestCase(AddressFamily.InterNetwork)]
    [TestCase(AddressFamily.InterNetworkV6)]
    public async Task Refused_upstream_is_connection_refused(AddressFamily family)
    {
        ToolResult curl = await _topology.Application.RunAsync("curl", "-sv", Url(family, ClosedPort(family)));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(curl.ExitCode, Is.EqualTo(7), curl.Error);
            Assert.That(curl.Error, Does.Contain("Connection refused"));
            Assert.That(curl.Elapsed, Is.LessThan(TimeSpan.FromSeconds(5)));
        }
    }

    [TestCase("198.51.100.1")]
    [TestCase("2001:db8:2::1")]
    public async Task Unreachable_upstream_is_no_route_to_host(string address)
    {
        ToolResult curl = await _topology.Application.RunAsync("curl", "-sv", $"http://{Topology.Authority(IPAddress.Parse(address), 80)}/");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(curl.ExitCode, Is.EqualTo(7), curl.Error);
            Assert.That(curl.Error, Does.Contain("No route to host"));
            Assert.That(curl.Elapsed, Is.LessThan(TimeSpan.FromSeconds(5)));
        }
    }

    [TestCase(AddressFamily.InterNetwork, "+notcp", "A", DnsServer.Answer4)]
    [TestCase(AddressFamily.InterNetwork, "+tcp", "AAAA", DnsServer.Answer6)]
    [TestCase(AddressFamily.InterNetworkV6, "+notcp", "AAAA", DnsServer.Answer6)]
    [TestCase(AddressFamily.InterNetworkV6, "+tcp", "A", DnsServer.Answer4)]
    public async Task Dig_gets_the_answer(AddressFamily family, string transport, string type, string expected)
    {
        IPEndPoint local = new(Topology.Server(family), 53);
        Socket datagrams = _topology.Host.CreateSocket(family, SocketType.Dgram);
        datagrams.Bind(local);
        using DnsServer server = new(datagrams, _topology.Host.Listen(local));

        ToolResult dig = await _topology.Application.RunAsync("dig", $"@{local.Address}", "name.test", type, transport, "+short", "+tries=2", "+time=5");

        Assert.That(dig.Succeeded().Trim(), Is.EqualTo(expected));
    }

    [TestCase(AddressFamily.InterNetwork)]
    [TestCase(AddressFamily.InterNetworkV6)]
    public async Task Closed_udp_port_is_reported_to_the_application(AddressFamily family)
    {
        ToolResult python = await _topology.Application.PythonAsync(
            """
            import errno, socket, sys
            s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
            s.connect((sys.argv[1], int(sys.argv[2])))
            try:
                for _ in range(5):
                    s.send(b"anybody?")
                    try:
                        s.settimeout(2)
                        s.recv(100)
                    except TimeoutError:
                        pass
                print("nothing")
            except OSError as error:
                print(errno.errorcode[error.errno])
            """,
            Topology.Server(family).ToString(),
            "9");

        Assert.That(python.Succeeded().Trim(), Is.EqualTo("ECONNREFUSED"));
    }

    private static string Url(AddressFamily family, int port) => $"http://{Topology.Authority(Topology.Server(family), port)}/";

    private int ClosedPort(AddressFamily family)
    {
        using Socket socket = _topology.Host.Listen(new IPEndPoint(Topology.Server(family), 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
