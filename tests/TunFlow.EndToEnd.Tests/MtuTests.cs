using System.Globalization;
using System.Net;
using System.Net.Sockets;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;
using TunFlow.Testing;

namespace TunFlow.EndToEnd.Tests;

/// <summary>MTUs from the smallest to the largest, set while the tunnel runs.</summary>
[TestFixture(false)]
[TestFixture(true)]
public sealed class MtuTests(bool general)
{
    private const int Size = 3_000_000;
    private const string Address4 = "198.51.100.7";
    private const string Address6 = "2001:db8:5::7";

    // Prints the MSS that the answer to a SYN announces.
    private const string PrintMss =
        """
        import socket, struct, sys
        sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.ntohs(3))
        sniffer.bind((sys.argv[1], 3))
        sniffer.settimeout(20)
        connection = socket.create_connection((sys.argv[2], 80), 20)
        while True:
            packet = sniffer.recv(65535)
            ip4 = packet[0] >> 4 == 4
            tcp = 20 if ip4 else 40
            if packet[9 if ip4 else 6] == 6 and packet[tcp + 13] & 0x12 == 0x12:
                break
        options = packet[tcp + 20:tcp + (packet[tcp + 12] >> 4) * 4]
        while options[0] != 2:
            options = options[1 if options[0] == 1 else options[1]:]
        print(struct.unpack("!H", options[2:4])[0])
        """;

    [OneTimeSetUp]
    public void Check() => Requirements.Check("curl", "python3");

    [Test]
    [AcceptanceRow(20)]
    public async Task MSS_follows_the_MTU_and_objects_are_byte_exact()
    {
        byte[] content = TestData.Create(Size);
        using HttpServer server = new(Listen(), content);
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(server.Port, general));
        foreach (int mtu in (int[])[1500, 576, 1280, 1420, 9000, 65_535, 1500])
        {
            tunnel.SetMtu(mtu);
            foreach (string address in mtu < InProcessTunnel.SmallestOfIPv6 ? (string[])[Address4] : [Address4, Address6])
            {
                await AssertMssAsync(tunnel, address, mtu);
                await AssertObjectsAsync(tunnel, address, content);
            }
        }

        Assert.That(tunnel.Statistics.Asserts + tunnel.Statistics.UnexpectedExceptions, Is.Zero);
    }

    [TestCase(1280)]
    [TestCase(9000)]
    [AcceptanceRow(20)]
    public async Task Transfers_survive_a_change_of_the_MTU(int mtu)
    {
        byte[] content = TestData.Create(Size * 4);
        using HttpServer server = new(Listen(), content);
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(server.Port, general));
        Task<ToolResult>[] transfers = [.. Enumerable.Range(0, 4).Select(i => tunnel.Application.RunAsync("sh", "-c", $"curl -sS -g --limit-rate 8M {Url(i % 2 == 0 ? Address4 : Address6)} | sha256sum"))];
        while (tunnel.Statistics.StreamBytesDown < Size)
            await Task.Delay(10);

        tunnel.SetMtu(mtu);

        bool underWay = transfers.All(static transfer => !transfer.IsCompleted);
        foreach (Task<ToolResult> transfer in transfers)
            Assert.That((await transfer).Succeeded(), Does.StartWith(TestData.Hash(content)));
        Assert.That(underWay, "the MTU changed in the middle");
        await AssertMssAsync(tunnel, Address4, mtu);
    }

    private static async Task AssertMssAsync(InProcessTunnel tunnel, string address, int mtu)
    {
        ToolResult result = await tunnel.Application.PythonAsync(PrintMss, InProcessTunnel.Tun, address);
        int mss = int.Parse(result.Succeeded(), CultureInfo.InvariantCulture);
        Assert.That(mss, Is.EqualTo(mtu - (address == Address4 ? 40 : 60)), $"{address} at {mtu}");
    }

    /// <summary>What a page of several objects does: downloads at once, and an upload.</summary>
    private static async Task AssertObjectsAsync(InProcessTunnel tunnel, string address, byte[] content)
    {
        string script = $"for i in 1 2 3 4; do curl -sS -g --max-time 30 {Url(address)} | sha256sum & done; wait";
        string down = (await tunnel.Application.RunAsync("sh", "-c", script)).Succeeded();
        string up = (await tunnel.Application.RunAsync("sh", "-c", $"head -c {Size} /dev/zero | curl -sS -g --max-time 30 -T - -H 'Content-Length: {Size}' -H 'Transfer-Encoding:' {Url(address)}")).Succeeded();
        Assert.That(down.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(4).And.All.StartsWith(TestData.Hash(content)), address);
        Assert.That(up, Is.EqualTo(TestData.Hash(new byte[Size])), address);
    }

    private static string Url(string address) => $"http://{Topology.Authority(IPAddress.Parse(address), 80)}/";

    private static Socket Listen()
    {
        Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(64);
        return listener;
    }
}
