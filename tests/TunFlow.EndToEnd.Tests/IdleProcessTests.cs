using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.Testing;

namespace TunFlow.EndToEnd.Tests;

/// <summary><c>tunflow up</c> with nothing to do: it sleeps, and is small.</summary>
[TestFixture]
[Category("Campaign")]
public sealed class IdleProcessTests
{
    private const double MostSwitchesPerSecond = 2;
    private const double MostResidentMegabytes = 45;

    private NetworkNamespace _namespace = null!;

    [SetUp]
    public void Create()
    {
        Requirements.Check();
        _namespace = new NetworkNamespace();
    }

    [TearDown]
    public void Remove() => _namespace?.Dispose();

    /// <summary>60 seconds in a campaign, 10 in the ordinary run, from when it has settled.</summary>
    [Test]
    public async Task Nothing_of_ours_wakes_and_the_process_stays_small()
    {
        // Else the kernel asks for routers and joins groups, over the TUN, for minutes.
        (await _namespace.RunAsync("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")).Succeeded();
        await using TunnelProcess tunnel = await TunnelProcess.StartAsync(
            _namespace, "--tun", "tf0", "--address", "192.0.2.1/24", "--route", "198.51.100.0/24");
        int seconds = Campaign.Rounds(10, 60);
        // A fresh process compiles for a moment, and the runtime ends what it needed for its start.
        await Task.Delay(TimeSpan.FromSeconds(Campaign.Rounds(5, 20)));

        IReadOnlyDictionary<string, long> before = ThreadSwitches.Of(tunnel.Id);
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        IReadOnlyDictionary<string, long> after = ThreadSwitches.Of(tunnel.Id);
        double resident = ThreadSwitches.Field($"/proc/{tunnel.Id}/status", "VmRSS") * 1024 / 1e6;

        string[] busy = [.. after.Where(thread => thread.Value != before.GetValueOrDefault(thread.Key)).Select(thread => $"{thread.Key}: {thread.Value - before.GetValueOrDefault(thread.Key)}")];
        double switches = after.Sum(thread => Math.Max(0, thread.Value - before.GetValueOrDefault(thread.Key)));
        TestContext.Out.WriteLine($"put on a processor: {string.Join(", ", busy)}");
        Campaign.Report("context switches a second of an idle tunflow up", switches / seconds);
        Campaign.Report("resident set of an idle tunflow up, MB", resident);
        using (Assert.EnterMultipleScope())
        {
            // The engine's thread sits in its poll, and the runtime's timer thread, if there is one, has nothing to do.
            Assert.That(after.Keys, Has.Some.Contains("TunFlow"), "the engine's thread");
            Assert.That(busy, Has.None.Contains("TunFlow").And.None.Contains("Timer"));
            Assert.That(switches / seconds, Is.AtMost(MostSwitchesPerSecond), "context switches a second");
            Assert.That(resident, Is.AtMost(MostResidentMegabytes), "MB of resident set");
        }
    }
}
