using System.Diagnostics;
using System.Text.Json;
using TunFlow.EndToEnd.Tests.Harness;

namespace TunFlow.EndToEnd.Tests;

/// <summary>iperf3 through <c>tunflow up</c>.</summary>
[TestFixture]
public sealed class IperfTests
{
    private Topology _topology = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        Requirements.Check("iperf3");
        _topology = await Topology.CreateAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_topology is not null)
            await _topology.DisposeAsync();
    }

    [TestCase("203.0.113.1", "-t2")]
    [TestCase("203.0.113.1", "-t2", "-R")]
    [TestCase("2001:db8:1::1", "-t2")]
    [TestCase("2001:db8:1::1", "-t2", "-R")]
    [TestCase("203.0.113.1", "-t2", "-P4")]
    [TestCase("203.0.113.1", "-t2", "-P4", "-R")]
    public async Task Tcp_streams_carry_data(string server, params string[] options)
    {
        JsonElement sum = await RunAsync(server, options, "sum_received");

        // What matters is that it goes through; bench/ measures how fast.
        Assert.That(sum.GetProperty("bytes").GetDouble(), Is.GreaterThan(10_000_000));
    }

    [TestCase("203.0.113.1", "-t2", "-u", "-b10M", "-l1200")]
    [TestCase("203.0.113.1", "-t2", "-u", "-b10M", "-l1200", "-R")]
    [TestCase("2001:db8:1::1", "-t2", "-u", "-b10M", "-l1200")]
    public async Task Udp_datagrams_arrive(string server, params string[] options)
    {
        JsonElement sum = await RunAsync(server, options, "sum");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(sum.GetProperty("packets").GetInt64(), Is.GreaterThan(1000));
            Assert.That(sum.GetProperty("lost_percent").GetDouble(), Is.LessThan(5));
        }
    }

    private async Task<JsonElement> RunAsync(string address, string[] options, string sum)
    {
        using Process server = _topology.Host.Start("iperf3", "-s", "-1", "-B", address);
        await WaitForListenerAsync();
        ToolResult client = await _topology.Application.RunAsync("iperf3", ["-c", address, "-J", .. options]);
        string json = client.Succeeded();
        await server.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
        using var document = JsonDocument.Parse(json);
        return document.RootElement.GetProperty("end").GetProperty(sum).Clone();
    }

    private async Task WaitForListenerAsync()
    {
        for (int i = 0; i < 100; i++)
        {
            if ((await _topology.Host.RunAsync("ss", "-Hltn", "sport = :5201")).Output.Length > 0)
                return;
            await Task.Delay(50);
        }

        Assert.Fail("iperf3 did not start to listen");
    }
}
