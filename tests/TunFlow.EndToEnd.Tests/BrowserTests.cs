using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;
using TunFlow.Testing;

namespace TunFlow.EndToEnd.Tests;

/// <summary>A page in a browser, through the tunnel.</summary>
[TestFixture]
public sealed class BrowserTests
{
    private const string Browser = "chromium-headless-shell";
    private const int Scripts = 12;

    [OneTimeSetUp]
    public void Check() => Requirements.Check(Browser);

    [Test]
    [AcceptanceRow(20)]
    public async Task A_page_is_complete_at_every_MTU()
    {
        using PageServer server = new(Scripts);
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(server.Port));
        string profile = Directory.CreateTempSubdirectory("tunflow-browser-").FullName;
        try
        {
            foreach (int mtu in (int[])[1280, 1420, 1500, 9000, 65_535])
            {
                tunnel.SetMtu(mtu);
                foreach (string host in (string[])["198.51.100.7", "[2001:db8:5::7]"])
                {
                    ToolResult page = await tunnel.Application.RunAsync(
                        Browser, "--no-sandbox", "--disable-gpu", "--no-proxy-server", "--disable-background-networking",
                        $"--user-data-dir={profile}", "--timeout=40000", "--dump-dom", $"http://{host}/page/{mtu}");
                    string content = page.Succeeded();
                    foreach (string expected in server.Expected)
                        Assert.That(content, Does.Contain(expected), $"{host} at {mtu}: {page.Error}");
                }
            }
        }
        finally
        {
            Directory.Delete(profile, recursive: true);
        }

        Assert.That(tunnel.Statistics.Asserts + tunnel.Statistics.UnexpectedExceptions, Is.Zero);
    }
}
