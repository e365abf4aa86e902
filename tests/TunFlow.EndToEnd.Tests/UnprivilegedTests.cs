using System.Net;
using System.Net.Sockets;
using TunFlow.Devices.Linux.Launch;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;

namespace TunFlow.EndToEnd.Tests;

/// <summary><c>tunflow run</c> as an ordinary user, in a user namespace.</summary>
[TestFixture]
public sealed class UnprivilegedTests
{
    private const string Nobody = "65534";

    // A copy that everybody may read: the build directory need not be open to others.
    private string _directory = string.Empty;

    [OneTimeSetUp]
    public async Task PrepareAsync()
    {
        Requirements.CheckLauncher("curl", "python3", "setpriv", "unshare");
        if ((await AsNobodyAsync("0666", "unshare", "--user", "--net", "true")).ExitCode != 0)
            Assert.Ignore("unprivileged user namespaces are forbidden on this machine");
        _directory = Directory.CreateTempSubdirectory("tunflow-e2e-").FullName;
        Tool.Run("cp", "-r", Path.Combine(AppContext.BaseDirectory, "."), _directory).Succeeded();
        Tool.Run("chmod", "-R", "a+rX", _directory).Succeeded();
        if ((await AsNobodyAsync("0666", Words("--version"))).ExitCode != 0)
            Assert.Ignore("user 65534 cannot execute dotnet here");
    }

    [OneTimeTearDown]
    public void Remove()
    {
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public async Task Nobody_downloads_through_the_tunnel()
    {
        byte[] content = TestData.Create(1_000_000);
        Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using HttpServer server = new(listener, content);

        string script = $"id -u; curl -sS http://{LaunchAddresses.HostLoopback4}:{server.Port}/ | sha256sum";

        ToolResult result = await AsNobodyAsync("0666", Words("run", "--allow-host-loopback", "--", "sh", "-c", script));

        Assert.That(result.Succeeded().Split(), Does.Contain(Nobody).And.Contain(TestData.Hash(content)));
    }

    [Test]
    public async Task Closed_device_is_one_line_that_names_it()
    {
        AssertOneLine(await AsNobodyAsync("0600", Words("run", "--", "true")), "/dev/net/tun");
    }

    [Test]
    public async Task Forbidden_user_namespaces_are_one_line_that_names_the_setting()
    {
        // Sets a limit of a user namespace of its own: nothing outside of it is affected.
        string[] limited = ["-B", Path.Combine(_directory, "limited_namespace.py"), "max_user_namespaces", Nobody];
        if ((await Tool.RunAsync("python3", [.. limited, "/bin/true"])).ExitCode != 0)
            Assert.Ignore("a user namespace with a limit cannot be set up here");

        AssertOneLine(await Tool.RunAsync("python3", [.. limited, .. Words("run", "--", "true")]), "user.max_user_namespaces");
    }

    private static void AssertOneLine(ToolResult result, string word)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
            Assert.That(result.Error, Does.StartWith("tunflow: ").And.Contain(word));
            Assert.That(result.Error.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1), result.Error);
        }
    }

    private string[] Words(params string[] arguments) => [CliTool.Host, "exec", Path.Combine(_directory, "TunFlow.Cli.dll"), .. arguments];

    /// <summary>Runs a program as nobody, with a /dev/net/tun of the given mode that only this program sees.</summary>
    private static Task<ToolResult> AsNobodyAsync(string mode, params string[] words)
    {
        string script = $"mount -t tmpfs none /dev/net; mknod -m {mode} /dev/net/tun c 10 200; "
            + $"exec setpriv --reuid={Nobody} --regid={Nobody} --clear-groups \"$@\"";
        return Tool.RunAsync("unshare", ["--mount", "sh", "-ec", script, "sh", .. words]);
    }
}
