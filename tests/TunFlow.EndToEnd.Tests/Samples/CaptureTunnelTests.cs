using TunFlow.EndToEnd.Tests.Harness;

namespace TunFlow.EndToEnd.Tests.Samples;

/// <summary><c>samples/CaptureTunnel</c>.</summary>
[TestFixture]
public sealed class CaptureTunnelTests
{
    [Test]
    public async Task Tshark_finds_the_request_and_the_answer_in_the_file()
    {
        Requirements.Check("curl", "tshark");
        using SampleNetwork network = new();
        string url = network.ServeHttp("what came back"u8.ToArray());
        string directory = Directory.CreateTempSubdirectory("tunflow-e2e-").FullName;
        try
        {
            string file = Path.Combine(directory, "tunnel.pcapng");
            await using SampleProcess sample = SampleProcess.Start(network.Application, "CaptureTunnel", SampleNetwork.Uplink, SampleNetwork.Network, file);
            _ = await sample.ReadLineAsync();
            ToolResult curl = await network.Application.RunAsync("curl", "-sS", "--max-time", "20", url + "asked/for");
            ToolResult end = await sample.EndAsync();

            string port = new Uri(url).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
            string[] fields = ["-T", "fields", "-e", "http.request.uri", "-e", "http.response.code"];
            ToolResult http = await Tool.RunAsync("tshark", ["-r", file, "-d", $"tcp.port=={port},http", "-Y", "http", .. fields]);
            ToolResult handshake = await Tool.RunAsync("tshark", ["-r", file, "-Y", "tcp.flags.syn == 1", "-T", "fields", "-e", "ip.src"]);

            using (Assert.EnterMultipleScope())
            {
                Assert.That(curl.Succeeded(), Is.EqualTo("what came back"));
                Assert.That(end.Succeeded(), Does.Match("^[1-9][0-9]* packets recorded"), end.Error);
                Assert.That(http.Succeeded(), Does.Contain("/asked/for").And.Contain("200"));
                Assert.That(handshake.Succeeded().Split('\n', StringSplitOptions.RemoveEmptyEntries), Is.EqualTo(["10.255.0.1", SampleNetwork.Address.ToString()]));
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
