using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;

namespace TunFlow.EndToEnd.Tests.Samples;

/// <summary><c>samples/DirectTunnel</c>.</summary>
[TestFixture]
public sealed class DirectTunnelTests
{
    [Test]
    public async Task Curl_and_dig_get_through_it_and_nowhere_without_it()
    {
        Requirements.Check("curl", "dig");
        byte[] content = TestData.Create(5_000_000);
        using SampleNetwork network = new();
        network.ServeNames();
        string url = network.ServeHttp(content);
        string[] curl = ["-c", $"curl -sS --max-time 20 {url} | sha256sum"];
        ToolResult without = await network.Application.RunAsync("curl", "-sS", "--max-time", "5", url);

        await using SampleProcess sample = SampleProcess.Start(network.Application, "DirectTunnel", SampleNetwork.Uplink, SampleNetwork.Network);
        string started = await sample.ReadLineAsync();
        ToolResult with = await network.Application.RunAsync("sh", curl);
        ToolResult dig = await network.Application.RunAsync("dig", $"@{SampleNetwork.Address}", "name.test", "+notcp", "+short", "+time=5");
        ToolResult end = await sample.EndAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(without.ExitCode, Is.Not.Zero, "the server can be reached without the sample: the test proves nothing");
            Assert.That(started, Does.StartWith("tun").And.Contain(SampleNetwork.Network));
            Assert.That(with.Succeeded(), Does.StartWith(TestData.Hash(content)));
            Assert.That(dig.Succeeded().Trim(), Is.EqualTo(DnsServer.Answer4));
            Assert.That(end.Succeeded(), Does.StartWith("1 connections, 1 UDP sessions, 50"), end.Error);
        }
    }

    [Test]
    public async Task Wrong_arguments_are_told_in_one_line()
    {
        Requirements.Check();
        using NetworkNamespace where = new();

        await using SampleProcess sample = SampleProcess.Start(where, "DirectTunnel", "eth0");
        ToolResult end = await sample.EndAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(end.ExitCode, Is.EqualTo(2));
            Assert.That(end.Error, Does.StartWith("usage").And.Contain("DirectTunnel INTERFACE NETWORK"));
        }
    }
}
