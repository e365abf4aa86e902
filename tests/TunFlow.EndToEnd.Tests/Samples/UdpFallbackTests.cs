using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;

namespace TunFlow.EndToEnd.Tests.Samples;

/// <summary><c>samples/UdpFallback</c>.</summary>
[TestFixture]
public sealed class UdpFallbackTests
{
    private const string Retried = "retrying in TCP mode";

    [Test]
    public async Task Names_resolve_by_tcp_while_udp_is_blocked_and_by_udp_when_it_comes_back()
    {
        Requirements.Check("dig");
        using SampleNetwork network = new();
        network.ServeNames();
        network.BlockUdp();
        await using SampleProcess sample = SampleProcess.Start(
            network.Application, "UdpFallback", SampleNetwork.Uplink, SampleNetwork.Network, SampleNetwork.Address.ToString());

        string blocked = await sample.ReadLineAsync();
        string fallback = (await DigAsync(network)).Succeeded();
        network.AllowUdp();
        await sample.EnterAsync();
        string carried = await sample.ReadLineAsync();
        string direct = (await DigAsync(network)).Succeeded();
        network.BlockUdp();
        await sample.EnterAsync();
        string blockedAgain = await sample.ReadLineAsync();
        string fallbackAgain = (await DigAsync(network)).Succeeded();
        ToolResult end = await sample.EndAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(blocked, Does.StartWith("UDP is not carried"));
            Assert.That(fallback, Does.Contain(Retried).And.Contain(DnsServer.Answer4));
            Assert.That(carried, Does.StartWith("UDP is carried"));
            Assert.That(direct, Does.Not.Contain(Retried).And.Contain(DnsServer.Answer4));
            Assert.That(blockedAgain, Does.StartWith("UDP is not carried"));
            Assert.That(fallbackAgain, Does.Contain(Retried).And.Contain(DnsServer.Answer4));
            Assert.That(end.ExitCode, Is.Zero, end.Error);
        }
    }

    private static Task<ToolResult> DigAsync(SampleNetwork network) =>
        network.Application.RunAsync("dig", $"@{SampleNetwork.Address}", "name.test", "A", "+tries=1", "+time=5");
}
