using System.Net;
using System.Net.Sockets;
using TunFlow.Devices.Linux.Launch;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;

namespace TunFlow.EndToEnd.Tests;

/// <summary><c>tunflow run</c> against servers on the loopback of this process.</summary>
[TestFixture]
public sealed class RunTests
{
    [OneTimeSetUp]
    public void Check() => Requirements.CheckLauncher("curl", "dig", "python3");

    [TestCase(AddressFamily.InterNetwork)]
    [TestCase(AddressFamily.InterNetworkV6)]
    public async Task Loopback_of_the_host_is_reached_when_allowed(AddressFamily family)
    {
        byte[] content = TestData.Create(20_000_000);
        using HttpServer server = new(ListenOnLoopback(family), content);
        string file = Path.GetTempFileName();
        try
        {
            ToolResult result = await CliTool.RunAsync("run", "--allow-host-loopback", "--stats", "--", "curl", "-sS", "-o", file, Url(family, server.Port));

            using (Assert.EnterMultipleScope())
            {
                result.Succeeded();
                Assert.That(TestData.Hash(await File.ReadAllBytesAsync(file)), Is.EqualTo(TestData.Hash(content)));
                Assert.That(result.Error, Does.Contain("TCP flows     1 opened, 0 refused"));
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    [TestCase(AddressFamily.InterNetwork)]
    [TestCase(AddressFamily.InterNetworkV6)]
    public async Task Loopback_of_the_host_is_refused_when_not_allowed(AddressFamily family)
    {
        using HttpServer server = new(ListenOnLoopback(family), [1, 2, 3]);

        ToolResult result = await CliTool.RunAsync("run", "--", "curl", "-sv", Url(family, server.Port));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(7));
            Assert.That(result.Error, Does.Contain("Connection refused"));
        }
    }

    [Test]
    public async Task Refused_port_of_the_host_is_refused()
    {
        Socket listener = ListenOnLoopback(AddressFamily.InterNetwork);
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        listener.Dispose();

        ToolResult result = await CliTool.RunAsync("run", "--allow-host-loopback", "--", "curl", "-sv", Url(AddressFamily.InterNetwork, port));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(7));
            Assert.That(result.Error, Does.Contain("Connection refused"));
        }
    }

    [TestCase("576")]
    [TestCase("1280")]
    [TestCase("9000")]
    [TestCase("65535")]
    public async Task Any_mtu_carries_a_file(string mtu)
    {
        byte[] content = TestData.Create(5_000_000);
        using HttpServer server = new(ListenOnLoopback(AddressFamily.InterNetwork), content);

        string script = $"ip link show tun0; curl -sS {Url(AddressFamily.InterNetwork, server.Port)} | sha256sum";

        ToolResult result = await CliTool.RunAsync("run", "--mtu", mtu, "--allow-host-loopback", "--", "sh", "-c", script);

        Assert.That(result.Succeeded(), Does.Contain($"mtu {mtu} ").And.Contain(TestData.Hash(content)));
    }

    [TestCase("IPv4")]
    [TestCase("IPv6")]
    public async Task Datagrams_of_any_size_come_back(string family)
    {
        const string script = """
            import random, socket, sys
            family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.settimeout(10)
            s.connect((sys.argv[1], int(sys.argv[2])))
            # The stack keeps whole packets within 65,535 bytes, the header included: 20 bytes more for IPv6's.
            for size in 1, 512, 1452, 1453, 1472, 1473, 4000, 9000, 30000, 65507 if family == socket.AF_INET else 65487:
                data = random.Random(size).randbytes(size)
                s.send(data)
                assert s.recv(70000) == data, size
            print("all")
            """;
        IPAddress loopback = family == "IPv6" ? IPAddress.IPv6Loopback : IPAddress.Loopback;
        IPAddress standIn = family == "IPv6" ? LaunchAddresses.HostLoopback6 : LaunchAddresses.HostLoopback4;
        using Socket echo = new(loopback.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        echo.Bind(new IPEndPoint(loopback, 0));
        Task echoing = EchoAsync(echo);

        string port = $"{((IPEndPoint)echo.LocalEndPoint!).Port}";

        ToolResult result = await CliTool.RunAsync("run", "--allow-host-loopback", "--", "python3", "-c", script, $"{standIn}", port);

        Assert.That(result.Succeeded().Trim(), Is.EqualTo("all"));
        Assert.That(echoing.IsFaulted, Is.False, () => $"{echoing.Exception}");
    }

    [TestCase("+notcp")]
    [TestCase("+tcp")]
    public async Task Names_are_resolved_by_the_given_server(string transport)
    {
        using DnsServer server = StartDns(out int port);

        // Without @server dig asks what resolv.conf names.
        ToolResult dig = await CliTool.RunAsync("run", "--dns", $"127.0.0.1:{port}", "--", "dig", "name.test", "A", transport, "+short");

        Assert.That(dig.Succeeded().Trim(), Is.EqualTo(DnsServer.Answer4));
    }

    [Test]
    public async Task C_library_resolves_by_the_given_server()
    {
        using DnsServer server = StartDns(out int port);

        ToolResult result = await CliTool.RunAsync("run", "--dns", $"127.0.0.1:{port}", "--", "getent", "ahosts", "name.test");

        Assert.That(result.Succeeded(), Does.Contain(DnsServer.Answer4).And.Contain(DnsServer.Answer6));
    }

    [Test]
    public async Task Answers_come_from_the_address_that_was_asked()
    {
        using DnsServer server = StartDns(out int port);

        // dig insists on the source: an answer from elsewhere is "reply from unexpected source".
        string[] query = ["dig", $"@{LaunchAddresses.HostLoopback4}", "-p", $"{port}", "name.test", "AAAA", "+short"];
        ToolResult dig = await CliTool.RunAsync(["run", "--allow-host-loopback", "--", .. query]);

        Assert.That(dig.Succeeded().Trim(), Is.EqualTo(DnsServer.Answer6));
    }

    [Test]
    public async Task What_was_written_before_the_exit_arrives()
    {
        byte[] content = TestData.Create(3_000_000);
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(file, content);
            // With little room on the way, much of it is still with the tunnel when the command has ended.
            using Socket listener = ListenOnLoopback(AddressFamily.InterNetwork, receiveBuffer: 16_384);
            const string script = """
                import socket, sys
                s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
                s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
                s.sendall(open(sys.argv[3], "rb").read())
                """;
            string port = $"{((IPEndPoint)listener.LocalEndPoint!).Port}";
            string[] command = ["python3", "-c", script, $"{LaunchAddresses.HostLoopback4}", port, file];
            Task<ToolResult> run = CliTool.RunAsync(["run", "--allow-host-loopback", "--", .. command]);
            using Socket server = await listener.AcceptAsync().WaitAsync(Tool.DefaultTimeout);
            await using NetworkStream stream = new(server);
            using MemoryStream received = new();
            byte[] buffer = new byte[200_000];
            int count;
            do
            {
                await Task.Delay(10);
                count = await stream.ReadAsync(buffer).AsTask().WaitAsync(Tool.DefaultTimeout);
                received.Write(buffer, 0, count);
            }
            while (count > 0);

            using (Assert.EnterMultipleScope())
            {
                (await run).Succeeded();
                Assert.That(TestData.Hash(received.ToArray()), Is.EqualTo(TestData.Hash(content)));
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task EchoAsync(Socket socket)
    {
        byte[] buffer = new byte[65536];
        try
        {
            while (true)
            {
                SocketReceiveFromResult datagram = await socket.ReceiveFromAsync(buffer, socket.LocalEndPoint!);
                await socket.SendToAsync(buffer.AsMemory(0, datagram.ReceivedBytes), datagram.RemoteEndPoint);
            }
        }
        catch (ObjectDisposedException)
        {
            // The test is over.
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.OperationAborted)
        {
            // Likewise.
        }
    }

    private static string Url(AddressFamily family, int port)
    {
        IPAddress address = family == AddressFamily.InterNetwork ? LaunchAddresses.HostLoopback4 : LaunchAddresses.HostLoopback6;
        return $"http://{new IPEndPoint(address, port)}/";
    }

    private static Socket ListenOnLoopback(AddressFamily family, int? receiveBuffer = null)
    {
        Socket socket = new(family, SocketType.Stream, ProtocolType.Tcp);
        if (receiveBuffer is { } size)
            socket.ReceiveBufferSize = size;
        socket.Bind(new IPEndPoint(family == AddressFamily.InterNetwork ? IPAddress.Loopback : IPAddress.IPv6Loopback, 0));
        socket.Listen();
        return socket;
    }

    private static DnsServer StartDns(out int port)
    {
        Socket listener = ListenOnLoopback(AddressFamily.InterNetwork);
        port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        Socket datagrams = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        datagrams.Bind(new IPEndPoint(IPAddress.Loopback, port));
        return new DnsServer(datagrams, listener);
    }
}
