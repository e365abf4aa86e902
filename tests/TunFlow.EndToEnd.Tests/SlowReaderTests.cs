using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;
using TunFlow.Lwip;
using TunFlow.Testing;

namespace TunFlow.EndToEnd.Tests;

/// <summary>Applications that stop reading hold up their own flow and a bounded amount of memory.</summary>
[TestFixture(false)]
[TestFixture(true)]
[Category("Campaign")]
public sealed class SlowReaderTests(bool general)
{
    private const int Size = 10_000_000;
    private const int SendBuffer = 128 * 1024;

    // Beside the send buffer: the block whose first bytes are acknowledged, and the one whose last did not find room any more.
    private const int MostOfOne = SendBuffer + (2 * 128 * 1024) + 16 * 1024;

    private static readonly IPEndPoint s_server = new(IPAddress.Parse("198.51.100.7"), 80);

    [OneTimeSetUp]
    public void Check() => Requirements.Check();

    [Test]
    [AcceptanceRow(12)]
    public async Task Readers_that_stop_are_bounded_and_resume_at_full_rate()
    {
        int count = Campaign.Rounds(ordinary: 30, campaign: 300);
        // Room for half of what all flows may have: the budget bites, too.
        int budget = (8 * 1024 * 1024) + (count * MostOfOne / 2);
        byte[] content = TestData.Create(Size);
        string hash = TestData.Hash(content);
        using SourceServer server = new(content);
        LwipDeviceOptions options = new() { SendBuffer = SendBuffer, MaxNativeBytes = budget };
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(server.Port, general), options);
        double full = await ReadAllAsync(await ConnectAsync(tunnel, count), hash);

        List<Socket> sockets = await ConnectAsync(tunnel, count);
        await StandStillAsync(tunnel);
        LwipStatistics stopped = tunnel.Statistics;
        List<FlowSnapshot> flows = [.. tunnel.Tunnel.GetFlows().Where(static flow => flow.State == FlowState.Open)];
        long most = flows.Max(static flow => flow.NativeBytes);
        long started = Stopwatch.GetTimestamp();
        double resumed = await ReadAllAsync(sockets, hash);

        TestContext.Out.WriteLine($"{count} readers stopped: {most} native bytes for one at most, {stopped.NativeBytes} for all; all read: {full:F0} MB/s, after they had stopped {resumed:F0} MB/s ({Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s)");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(flows, Has.Count.EqualTo(count));
            Assert.That(most, Is.GreaterThan(SendBuffer / 2).And.LessThanOrEqualTo(MostOfOne));
            Assert.That(tunnel.Statistics.NativeBytesPeak, Is.LessThanOrEqualTo(budget));
            Assert.That(stopped.StreamBytesDown, Is.LessThan((long)count * Size * 2), "they had stopped");
            // The same machine a moment later, whatever else it does.
            Assert.That(resumed, Is.GreaterThan(full / 2));
            Assert.That(tunnel.Statistics.Asserts + tunnel.Statistics.UnexpectedExceptions, Is.Zero);
        }
    }

    private static async Task<List<Socket>> ConnectAsync(InProcessTunnel tunnel, int count)
    {
        List<Socket> sockets = tunnel.Application.Do(() => Enumerable.Range(0, count).Select(static _ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)).ToList());
        foreach (Socket socket in sockets)
            await socket.ConnectAsync(s_server).WaitAsync(Tool.DefaultTimeout);
        return sockets;
    }

    /// <summary>Until no more bytes move.</summary>
    private static async Task StandStillAsync(InProcessTunnel tunnel)
    {
        long moved = -1;
        while (tunnel.Statistics.StreamBytesDown != moved)
        {
            moved = tunnel.Statistics.StreamBytesDown;
            await Task.Delay(500);
        }
    }

    /// <returns>MB/s of all together.</returns>
    private static async Task<double> ReadAllAsync(List<Socket> sockets, string hash)
    {
        long started = Stopwatch.GetTimestamp();
        string[] hashes = await Task.WhenAll(sockets.Select(ReadAsync)).WaitAsync(TimeSpan.FromMinutes(5));
        Assert.That(hashes, Is.All.EqualTo(hash));
        return sockets.Count * (Size / 1e6) / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task<string> ReadAsync(Socket socket)
    {
        using (socket)
        {
            byte[] data = new byte[Size];
            int received = 0, count;
            while (received < Size && (count = await socket.ReceiveAsync(data.AsMemory(received))) > 0)
                received += count;
            return TestData.Hash(data.AsSpan(0, received));
        }
    }
}
