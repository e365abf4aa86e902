using System.Diagnostics;
using System.Net;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>Who doesn't read or write holds up nobody, and no more memory than he may.</summary>
[TestFixture]
[Category("Campaign")]
[NonParallelizable]
internal sealed class BackPressureTests : LoadFixture
{
    [Test]
    [AcceptanceRow(12)]
    public async Task A_thousand_applications_that_stop_reading_hold_their_caps_and_the_budget_and_go_on_at_full_rate()
    {
        const int flows = 1000;
        const int perFlow = 128 * 1024;
        const long budget = 96L * 1024 * 1024;
        long length = Campaign.Rounds(512, 10 * 1024) * 1024L;
        LoadDialer dialer = new();
        (LwipDevice device, Swarm swarm) = Start(flows, dialer, new LwipDeviceOptions { SendBuffer = perFlow, MaxNativeBytes = budget });
        foreach (SwarmFlow flow in swarm.Flows)
        {
            flow.Window = 0xFFFF; // of a SYN, not scaled
            flow.OnData = static self => self.Window = (int)Math.Max(0, 64 * 1024 - self.Received);
        }

        await swarm.ConnectAsync();
        foreach (LoadUpstream upstream in dialer.Upstreams.Values)
            upstream.Send(length);
        // Each application takes its first 64 KiB or so and then nothing.
        await swarm.WaitAsync(() => swarm.All(static flow => flow.WindowIsUsed), "all windows are full");
        long settled = await SettleAsync(() => dialer.Upstreams.Values.Sum(static upstream => upstream.Sent));
        long buffered = settled - swarm.Flows.Sum(static flow => flow.Received);
        long most = dialer.Upstreams.Max(pair => pair.Value.Sent - swarm.Flows[pair.Key].Received);
        LwipStatistics statistics = device.GetStatistics();
        TestContext.Out.WriteLine($"held: {buffered >> 20} MiB in all, {most >> 10} KiB at most in a flow; native {statistics.NativeBytes >> 20} MiB, peak {statistics.NativeBytesPeak >> 20} MiB");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(most, Is.LessThanOrEqualTo(perFlow + (256 * 1024)), "bytes of a flow: its buffer, and the block that waits for room");
            Assert.That(statistics.NativeBytesPeak, Is.LessThanOrEqualTo(budget));
        }

        long started = Stopwatch.GetTimestamp();
        foreach (SwarmFlow flow in swarm.Flows)
        {
            flow.OnData = null;
            flow.Window = 4 * 1024 * 1024;
            flow.SendAcknowledgment();
        }

        await swarm.WaitAsync(() => swarm.All(flow => flow.Received == length), "all bytes", Campaign.Rounds(60, 600));
        double rate = RateOf((flows * length) - settled, started);
        swarm.AssertIntact();
        double usual = await UsualRateAsync(flows, Math.Min(length, 1024 * 1024));
        TestContext.Out.WriteLine($"{rate:F0} MiB/s after they read again, {usual:F0} MiB/s when nobody had stopped");
        Assert.That(rate, Is.GreaterThan(usual / 3));
    }

    [Test]
    [AcceptanceRow(13)]
    public async Task A_proxy_that_stalls_closes_the_window_whose_probes_are_answered_and_no_byte_is_lost()
    {
        LoadDialer dialer = new() { Stopped = true, Hashes = true };
        ManualTimeProvider time = new();
        LwipDeviceOptions options = new() { TimeProvider = time };
        (LwipDevice device, Swarm swarm) = Start(1, dialer, options);
        await swarm.ConnectAsync();
        SwarmFlow flow = swarm.Flows[0];
        LoadUpstream upstream = dialer.Upstreams[0];
        long before = device.GetStatistics().NativeBytes;
        const long length = 50 * 1024 * 1024;
        flow.Send(length);
        await swarm.WaitAsync(() => flow.Window0, "a closed window");
        Assert.That(flow.Sent, Is.InRange(options.ReceiveWindow / 2, 2 * options.ReceiveWindow), "bytes on their way");
        for (int probe = 0; probe < 10; probe++)
        {
            // As a kernel does, at growing distances: a byte that was acknowledged long ago.
            time.Advance(TimeSpan.FromSeconds(1 << probe));
            long packets = swarm.Packets;
            flow.SendProbe();
            await swarm.WaitAsync(() => swarm.Packets > packets, "the answer to a probe");
            Assert.That(flow.Window0, Is.True);
        }

        Assert.That(device.GetStatistics().NativeBytes - before, Is.LessThan(2 * options.ReceiveWindow), "memory");
        upstream.Stopped = false;
        await swarm.WaitAsync(() => upstream.Received == length, "all bytes");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Convert.ToHexString(upstream.Hash()), Is.EqualTo(Convert.ToHexString(Pattern.Hash(0, length))));
            Assert.That((flow.WasReset, device.GetStatistics().Retransmissions), Is.EqualTo((false, 0L)));
        }
    }

    [Test]
    [Weakness(1)]
    public async Task Beside_an_upstream_that_never_takes_its_bytes_others_connect_and_echo_within_100_ms()
    {
        LoadDialer dialer = new();
        const int others = 9;
        (LwipDevice _, Swarm swarm) = Start(1 + others, dialer);
        await swarm.ConnectAsync(0, 1);
        SwarmFlow stalled = swarm.Flows[0];
        LoadUpstream upstream = dialer.Upstreams[0];
        upstream.Stopped = true;
        stalled.Send(10 * 1460);

        List<double> handshakes = [], echoes = [];
        for (int i = 1; i <= others; i++)
        {
            long started = Stopwatch.GetTimestamp();
            swarm.Flows[i].SendSyn();
            await swarm.WaitAsync(() => swarm.Flows[i].IsOpen, "a SYN-ACK");
            handshakes.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            started = Stopwatch.GetTimestamp();
            long strays = swarm.Strays;
            swarm.Write(PacketBuilder.UdpDatagram(new IPEndPoint(IPAddress.Parse("10.9.0.2"), 7000 + i), IPEndPoint.Parse("198.51.100.1:7"), "ping"u8));
            await swarm.WaitAsync(() => swarm.Strays > strays, "a UDP echo");
            echoes.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        const long length = 3 * 1024 * 1024;
        stalled.Send(length - (10 * 1460));
        await swarm.WaitAsync(() => stalled.Window0, "the stalled one's closed window");
        upstream.Stopped = false;
        await swarm.WaitAsync(() => upstream.Received == length, "all bytes of the stalled one");
        handshakes.Sort();
        echoes.Sort();
        TestContext.Out.WriteLine($"SYN-ACK after {handshakes[others / 2]:F1} ms ({handshakes[^1]:F1} at most), echo after {echoes[others / 2]:F1} ms ({echoes[^1]:F1} at most)");
        using (Assert.EnterMultipleScope())
        {
            // The middle: a machine under load may hold up anybody once.
            Assert.That(handshakes[others / 2], Is.LessThan(100), "milliseconds to a SYN-ACK");
            Assert.That(echoes[others / 2], Is.LessThan(100), "milliseconds to an echo");
            Assert.That(upstream.Corrupt, Is.Null);
            Assert.That(stalled.WindowEnd - stalled.Sent, Is.Positive, "the window opened again");
        }
    }

    private async Task<double> UsualRateAsync(int flows, long length)
    {
        LoadDialer dialer = new();
        (LwipDevice _, Swarm swarm) = Start(flows, dialer);
        await swarm.ConnectAsync();
        long started = Stopwatch.GetTimestamp();
        foreach (LoadUpstream upstream in dialer.Upstreams.Values)
            upstream.Send(length);
        await swarm.WaitAsync(() => swarm.All(flow => flow.Received == length), "all bytes", 60);
        return RateOf(flows * length, started);
    }

    private static double RateOf(long bytes, long started) => bytes / Stopwatch.GetElapsedTime(started).TotalSeconds / (1024 * 1024);

    /// <summary>Waits until a number stays the same, and returns it.</summary>
    private static async Task<long> SettleAsync(Func<long> number)
    {
        long last = -1, now;
        while ((now = number()) != last)
        {
            last = now;
            await Task.Delay(400);
        }

        return now;
    }
}
