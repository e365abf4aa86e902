using System.Diagnostics;
using System.Net;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;

namespace TunFlow.EndToEnd.Tests;

/// <summary>The life of <c>tunflow up</c>.</summary>
[TestFixture]
public sealed class UpTests
{
    private NetworkNamespace _namespace = null!;

    [SetUp]
    public void Create()
    {
        Requirements.Check();
        _namespace = new NetworkNamespace();
    }

    [TearDown]
    public void Remove() => _namespace?.Dispose();

    [TestCase(2)]
    [TestCase(15)]
    public async Task Signal_ends_it_with_success_and_nothing_stays(int signal)
    {
        Requirements.CheckSignal(signal);
        string[] options =
        [
            "--tun", "tf0", "--address", "192.0.2.1/24", "--address", "2001:db8::1/64", "--route", "198.51.100.0/24",
            "--route", "2001:db8:1::/48", "--mtu", "1400", "--stats",
        ];
        await using TunnelProcess tunnel = await TunnelProcess.StartAsync(_namespace, options);
        string link = (await _namespace.RunAsync("ip", "address", "show", "tf0")).Succeeded();
        string routes = (await _namespace.RunAsync("ip", "route")).Output + (await _namespace.RunAsync("ip", "-6", "route")).Output;

        int code = await tunnel.StopAsync(signal);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(link, Does.Contain("mtu 1400").And.Contain("inet 192.0.2.1/24").And.Contain("inet6 2001:db8::1/64"));
            Assert.That(routes, Does.Contain("198.51.100.0/24 dev tf0").And.Contain("2001:db8:1::/48 dev tf0"));
            Assert.That(code, Is.Zero);
            Assert.That(tunnel.Errors(), Does.Contain("TCP flows"));
            Assert.That((await _namespace.RunAsync("ip", "link", "show", "tf0")).ExitCode, Is.Not.Zero, "the device is left");
        }
    }

    [Test]
    public async Task Persistent_device_stays_as_it_was()
    {
        _namespace.Ip("tuntap add tf1 mode tun");
        string[] options = ["--tun", "tf1", "--address", "192.0.2.1/24", "--route", "198.51.100.0/24"];
        await using TunnelProcess tunnel = await TunnelProcess.StartAsync(_namespace, options);

        int code = await tunnel.StopAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(code, Is.Zero);
            Assert.That((await _namespace.RunAsync("ip", "address", "show", "tf1")).Succeeded(), Does.Not.Contain("192.0.2.1"));
            Assert.That((await _namespace.RunAsync("ip", "route")).Output, Does.Not.Contain("198.51.100.0"));
        }
    }

    [Test]
    public async Task Deleted_device_ends_it_with_an_error()
    {
        await using TunnelProcess tunnel = await TunnelProcess.StartAsync(_namespace, ["--tun", "tf2"]);

        _namespace.Ip("link delete tf2");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await tunnel.WaitAsync(), Is.EqualTo(1));
            Assert.That(tunnel.Errors().Trim(), Does.StartWith("tunflow: tf2: "));
        }
    }

    [Test]
    public async Task Device_that_somebody_else_serves_is_refused_in_one_line()
    {
        await using TunnelProcess tunnel = await TunnelProcess.StartAsync(_namespace, ["--tun", "tf3"]);
        string[] words = CliTool.Words("up", "--tun", "tf3");

        ToolResult second = await _namespace.RunAsync(words[0], words[1..]);

        AssertOneLine(second, 1, "tf3");
    }

    [Test]
    public async Task Name_of_another_kind_of_interface_is_refused_in_one_line()
    {
        string[] words = CliTool.Words("up", "--tun", "lo");

        AssertOneLine(await _namespace.RunAsync(words[0], words[1..]), 1, "'lo'");
    }

    [Test]
    public async Task Address_that_the_kernel_refuses_leaves_nothing_behind()
    {
        string[] words = CliTool.Words("up", "--tun", "tf6", "--address", "192.0.2.1/24", "--address", "ff02::1/64");

        ToolResult result = await _namespace.RunAsync(words[0], words[1..]);

        AssertOneLine(result, 1, "ff02::1/64");
        Assert.That((await _namespace.RunAsync("ip", "link", "show", "tf6")).ExitCode, Is.Not.Zero, "the device is left");
    }

    [Test]
    public async Task Missing_rights_are_one_line()
    {
        if (Requirements.Find("setpriv") is null)
            Assert.Ignore("setpriv is not installed");
        string[] words = ["--bounding-set=-net_admin", "--inh-caps=-net_admin", .. CliTool.Words("up", "--tun", "tf4")];

        ToolResult result = await _namespace.RunAsync("setpriv", words);

        AssertOneLine(result, 1, "CAP_NET_ADMIN");
        Assert.That((await _namespace.RunAsync("ip", "link", "show", "tf4")).ExitCode, Is.Not.Zero, "the device is left");
    }

    [Test]
    public async Task Device_moves_between_namespaces_while_it_runs()
    {
        if (Requirements.Find("curl") is null)
            Assert.Ignore("curl is not installed");
        byte[] content = TestData.Create(50_000_000);
        _namespace.Ip($"address add {Topology.Server4}/32 dev lo");
        using HttpServer server = new(_namespace.Listen(new IPEndPoint(Topology.Server4, 0)), content);
        string url = $"http://{Topology.Server4}:{server.Port}/";
        await using TunnelProcess tunnel = await TunnelProcess.StartAsync(_namespace, ["--tun", "tf7", "--stats"]);
        using NetworkNamespace first = new();
        using NetworkNamespace second = new();
        _namespace.Ip($"link set tf7 netns {first.Name}");
        Topology.Configure(first, "tf7");
        // In the middle of a transfer: what the tunnel writes meanwhile meets a device that is down.
        Task<ToolResult> interrupted = first.RunAsync("curl", "-sS", "--limit-rate", "10M", "--max-time", "3", "-o", "/dev/null", url);
        await Task.Delay(500);

        first.Ip($"link set tf7 netns {second.Name}");
        Topology.Configure(second, "tf7");
        ToolResult curl = await second.RunAsync("sh", "-c", $"curl -sS {url} | sha256sum");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(curl.Succeeded(), Does.StartWith(TestData.Hash(content)));
            Assert.That((await interrupted).ExitCode, Is.Not.Zero, "the device was not moved in the middle of it");
            Assert.That(await tunnel.StopAsync(), Is.Zero, tunnel.Errors());
        }
    }

    [Test]
    public async Task Pause_of_the_process_loses_nothing()
    {
        if (Requirements.Find("curl") is null)
            Assert.Ignore("curl is not installed");
        byte[] content = TestData.Create(20_000_000);
        await using Topology topology = await Topology.CreateAsync();
        using HttpServer server = new(topology.Host.Listen(new IPEndPoint(Topology.Server4, 0)), content);
        string script = $"curl -sS --limit-rate 10M http://{Topology.Server4}:{server.Port}/ | sha256sum";
        Task<ToolResult> curl = topology.Application.RunAsync("sh", "-c", script);
        await Task.Delay(500);

        _ = NamespaceCalls.Kill(topology.Tunnel.Id, 19); // SIGSTOP
        await Task.Delay(2000);
        _ = NamespaceCalls.Kill(topology.Tunnel.Id, 18); // SIGCONT

        Assert.That((await curl).Succeeded(), Does.StartWith(TestData.Hash(content)));
    }

    [Test]
    public async Task Stop_in_the_middle_of_transfers_resets_them_at_once()
    {
        if (Requirements.Find("curl") is null)
            Assert.Ignore("curl is not installed");
        await using Topology topology = await Topology.CreateAsync();
        using HttpServer server = new(topology.Host.Listen(new IPEndPoint(Topology.Server4, 0)), new byte[100_000_000]);
        string[] curl = ["-sS", "--limit-rate", "1M", "-o", "/dev/null", $"http://{Topology.Server4}:{server.Port}/"];
        Task<ToolResult>[] transfers = [.. Enumerable.Range(0, 10).Select(_ => topology.Application.RunAsync("curl", curl))];
        await Task.Delay(1000);
        long started = Stopwatch.GetTimestamp();

        int code = await topology.Tunnel.StopAsync();

        TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
        ToolResult[] ends = await Task.WhenAll(transfers);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(code, Is.Zero);
            Assert.That(elapsed, Is.LessThan(TimeSpan.FromSeconds(5)));
            Assert.That(ends.Select(static end => end.Error), Is.All.Contains("reset"));
        }
    }

    [Test]
    public async Task Statistics_are_printed_on_request()
    {
        await using TunnelProcess tunnel = await TunnelProcess.StartAsync(_namespace, ["--tun", "tf8", "--stats"]);

        _ = NamespaceCalls.Kill(tunnel.Id, 10);

        for (int i = 0; i < 200 && !tunnel.Errors().Contains("native memory", StringComparison.Ordinal); i++)
            await Task.Delay(50);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(tunnel.Errors(), Does.Contain("TCP flows     0 opened"));
            Assert.That(await tunnel.StopAsync(), Is.Zero);
        }
    }

    [Test]
    public async Task Unknown_interface_to_bind_to_is_one_line()
    {
        string[] words = CliTool.Words("up", "--tun", "tf5", "--interface", "nowhere0");

        AssertOneLine(await _namespace.RunAsync(words[0], words[1..]), 1, "nowhere0");
    }

    private static void AssertOneLine(ToolResult result, int exitCode, string word)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(exitCode), result.Error);
            Assert.That(result.Error.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1), result.Error);
            Assert.That(result.Error, Does.StartWith("tunflow: ").And.Contain(word));
        }
    }
}
