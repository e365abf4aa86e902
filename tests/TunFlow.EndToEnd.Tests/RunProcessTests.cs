using System.Diagnostics;
using System.Globalization;
using TunFlow.EndToEnd.Tests.Harness;

namespace TunFlow.EndToEnd.Tests;

/// <summary>What a command under <c>tunflow run</c> has of its surroundings: exit codes, signals, descriptors, limits.</summary>
[TestFixture]
public sealed class RunProcessTests
{
    private const ulong SigPipe = 1UL << (13 - 1);

    [OneTimeSetUp]
    public void Check() => Requirements.CheckLauncher("python3");

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
        Requirements.CheckSignal(signal);
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
            // This test host itself ignores SIGPIPE, which `trap -` can't undo; the tool restores it.
            Assert.That(Requirements.IgnoredSignals(within), Is.EqualTo(Requirements.IgnoredSignals(without) & ~SigPipe));
        }
    }

    [Test]
    public async Task Killed_tunnel_leaves_the_command_without_a_network()
    {
        using Process process = CliTool.Start("run", "--", "sh", "-c", "echo ready; sleep 1; ip -br link; ip route");
        Assert.That(await process.StandardOutput.ReadLineAsync().WaitAsync(Tool.DefaultTimeout), Is.EqualTo("ready"));

        process.Kill();

        string output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Tool.DefaultTimeout);
        Assert.That(output, Does.StartWith("lo").And.Not.Contain("tun0").And.Not.Contain("default"));
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
    public async Task Command_inherits_no_descriptor_of_the_tunnel()
    {
        string without = (await Tool.RunAsync("ls", ["/proc/self/fd"])).Succeeded();

        Assert.That((await CliTool.RunAsync("run", "--", "ls", "/proc/self/fd")).Succeeded(), Is.EqualTo(without));
    }

    [Test]
    public async Task Command_sees_the_tunnel_only()
    {
        ToolResult result = await CliTool.RunAsync("run", "--", "sh", "-c", "ip -br link; ip route");

        string[] lines = result.Succeeded().TrimEnd('\n').Split('\n');
        using (Assert.EnterMultipleScope())
        {
            IEnumerable<string> links = lines.Where(static line => line.Contains('<', StringComparison.Ordinal));
            Assert.That(links.Select(static line => line.Split(' ')[0]), Is.EquivalentTo((string[])["lo", "tun0"]));
            Assert.That(lines, Does.Contain("default dev tun0 proto static scope link "));
        }
    }
}
