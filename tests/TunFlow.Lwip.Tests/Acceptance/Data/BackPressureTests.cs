using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>Who doesn't read or write holds up nobody, and no more memory than he may.</summary>
[TestFixture]
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
        double rate = ((flows * length) - settled) / Stopwatch.GetElapsedTime(started).TotalSeconds / (1024 * 1024);
        TestContext.Out.WriteLine($"{rate:F0} MiB/s after they read again");
        swarm.AssertIntact();
    }

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
