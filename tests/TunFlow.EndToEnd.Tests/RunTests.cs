using System.Diagnostics;
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
    public void Check()
    {
        Requirements.Check("curl", "dig", "python3");
        if (!File.Exists(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "tunflow-launch")))
            Assert.Ignore("tunflow-launch was not built");
    }

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
        ToolResult dig = await CliTool.RunAsync("run", "--allow-host-loopback", "--", "dig", $"@{LaunchAddresses.HostLoopback4}", "-p", $"{port}", "name.test", "AAAA", "+short");

        Assert.That(dig.Succeeded().Trim(), Is.EqualTo(DnsServer.Answer6));
    }

    [TestCase("exit 0", 0)]
    [TestCase("exit 42", 42)]
    [TestCase("kill -TERM $$", 143)]
    [TestCase("kill -KILL $$", 137)]
    public async Task Exit_code_passes_through(string script, int expected)
    {
        ToolResult result = await CliTool.RunAsync("run", "--", "sh", "-c", script);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(expected));
            Assert.That(result.Error, Is.Empty);
        }
    }

    [TestCase("/nonexistent/program", 127)]
    [TestCase("/etc/passwd", 126)]
    public async Task Command_that_cannot_run_is_one_line(string command, int expected)
    {
        ToolResult result = await CliTool.RunAsync("run", "--", command);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(expected));
            Assert.That(result.Error, Does.StartWith("tunflow: ").And.Contain(command));
            Assert.That(result.Error.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1));
        }
    }

    [TestCase(1, "HUP")]
    [TestCase(2, "INT")]
    [TestCase(3, "QUIT")]
    [TestCase(10, "USR1")]
    [TestCase(12, "USR2")]
    [TestCase(15, "TERM")]
    public async Task Signal_reaches_the_command(int signal, string name)
    {
        const string script = """
            import signal, sys
            signal.signal(getattr(signal, "SIG" + sys.argv[1]), lambda *_: sys.exit(33))
            print("ready", flush=True)
            signal.pause()
            """;
        using Process process = CliTool.Start("run", "--", "python3", "-c", script, name);
        Assert.That(await process.StandardOutput.ReadLineAsync().WaitAsync(Tool.DefaultTimeout), Is.EqualTo("ready"));

        _ = NamespaceCalls.Kill(process.Id, signal);

        Assert.That((await Tool.FinishAsync(process, null, Tool.DefaultTimeout)).ExitCode, Is.EqualTo(33));
    }

    [Test]
    public async Task Key_press_reaches_the_command_once()
    {
        // Under a terminal of its own: Ctrl-C is a signal to the whole foreground group, the tunnel included.
        const string terminal = """
            import os, pty, sys, time
            pid, terminal = pty.fork()
            if pid == 0:
                os.execv(sys.argv[1], sys.argv[1:])
            output = b""
            try:
                while data := os.read(terminal, 1000):
                    output += data
                    if b"ready" in data:
                        os.write(terminal, b"\x03")
            except OSError:
                pass  # EIO: the other side is closed
            print(output.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            """;
        const string command = """
            import signal, time
            count = 0
            def note(*_):
                global count
                count += 1
            signal.signal(signal.SIGINT, note)
            print("ready", flush=True)
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                time.sleep(0.1)
            print("interrupts:", count)
            """;

        ToolResult result = await Tool.RunAsync("python3", ["-c", terminal, .. CliTool.Words("run", "--", "python3", "-c", command)]);

        Assert.That(result.Succeeded(), Does.Contain("interrupts: 1").And.EndsWith(" 0\n"));
    }

    [Test]
    public async Task Command_has_the_limits_and_signals_of_the_caller()
    {
        const string command = "ulimit -Sn; ulimit -Hn; grep -E '^Sig(Blk|Ign)' /proc/self/status";
        string[] shell = ["-c", "ulimit -Sn 256; \"$@\"", "sh"];

        string without = (await Tool.RunAsync("sh", [.. shell, "sh", "-c", $"trap - PIPE; {command}"])).Succeeded();
        string within = (await Tool.RunAsync("sh", [.. shell, .. CliTool.Words("run", "--", "sh", "-c", command)])).Succeeded();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(within.Split('\n')[..2], Is.EqualTo(without.Split('\n')[..2]));
            // Bit 12 is SIGPIPE. This test host itself ignores it, so there is nothing to compare with.
            Assert.That(within.Split('\n')[3], Does.StartWith("SigIgn:").And.EndsWith("0000"));
        }
    }

    [Test]
    public async Task Killed_tunnel_leaves_the_command_without_a_network()
    {
        using Process process = CliTool.Start("run", "--", "sh", "-c", "echo ready; sleep 1; ip -br link; ip route");
        Assert.That(await process.StandardOutput.ReadLineAsync().WaitAsync(Tool.DefaultTimeout), Is.EqualTo("ready"));

        process.Kill();

        Assert.That(await process.StandardOutput.ReadToEndAsync().WaitAsync(Tool.DefaultTimeout), Does.StartWith("lo").And.Not.Contain("tun0").And.Not.Contain("default"));
    }

    [Test]
    public async Task Standard_streams_are_the_commands_own()
    {
        ToolResult result = await Tool.RunAsync(CliTool.Host, CliTool.Words("run", "--", "sh", "-c", "cat; echo complaint >&2")[1..], input: "some input");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Succeeded(), Is.EqualTo("some input"));
            Assert.That(result.Error, Is.EqualTo("complaint\n"));
        }
    }

    [Test]
    public async Task Command_sees_the_tunnel_only()
    {
        ToolResult result = await CliTool.RunAsync("run", "--", "sh", "-c", "ip -br link; ip route");

        string[] lines = result.Succeeded().TrimEnd('\n').Split('\n');
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines.Where(static line => line.Contains('<', StringComparison.Ordinal)).Select(static line => line.Split(' ')[0]), Is.EquivalentTo((string[])["lo", "tun0"]));
            Assert.That(lines, Does.Contain("default dev tun0 proto static scope link "));
        }
    }

    [TestCase("576")]
    [TestCase("1280")]
    [TestCase("9000")]
    [TestCase("65535")]
    public async Task Mtu_is_that_of_the_device(string mtu)
    {
        Assert.That((await CliTool.RunAsync("run", "--mtu", mtu, "--", "ip", "link", "show", "tun0")).Succeeded(), Does.Contain($"mtu {mtu} "));
    }

    [Test]
    public async Task Command_inherits_no_descriptor_of_the_tunnel()
    {
        string without = (await Tool.RunAsync("ls", ["/proc/self/fd"])).Succeeded();

        Assert.That((await CliTool.RunAsync("run", "--", "ls", "/proc/self/fd")).Succeeded(), Is.EqualTo(without));
    }

    [Test]
    public async Task What_was_written_before_the_exit_arrives()
    {
        byte[] content = TestData.Create(3_000_000);
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(file, content);
            using Socket listener = ListenOnLoopback(AddressFamily.InterNetwork);
            const string script = """
                import socket, sys
                s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
                s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
                s.sendall(open(sys.argv[3], "rb").read())
                """;
            Task<ToolResult> run = CliTool.RunAsync("run", "--allow-host-loopback", "--", "python3", "-c", script, $"{LaunchAddresses.HostLoopback4}", $"{((IPEndPoint)listener.LocalEndPoint!).Port}", file);
            using Socket server = await listener.AcceptAsync().WaitAsync(Tool.DefaultTimeout);
            await using NetworkStream stream = new(server);
            using MemoryStream received = new();
            // The command is long gone when its bytes are read.
            await Task.Delay(300);
            await stream.CopyToAsync(received).WaitAsync(Tool.DefaultTimeout);

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

    private static string Url(AddressFamily family, int port)
    {
        IPAddress address = family == AddressFamily.InterNetwork ? LaunchAddresses.HostLoopback4 : LaunchAddresses.HostLoopback6;
        return $"http://{new IPEndPoint(address, port)}/";
    }

    private static Socket ListenOnLoopback(AddressFamily family)
    {
        Socket socket = new(family, SocketType.Stream, ProtocolType.Tcp);
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
