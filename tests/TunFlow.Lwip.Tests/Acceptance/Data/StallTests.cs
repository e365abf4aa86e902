using System.Diagnostics;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>No wake-up is ever lost: a transfer goes on, however busy the processors are.</summary>
[TestFixture]
[Category("Campaign")]
[NonParallelizable]
internal sealed class StallTests : LoadFixture
{
    [Test]
    [Weakness(3)]
    public async Task A_download_beside_busy_threads_has_no_gap_of_250_ms()
    {
        int rounds = Campaign.Rounds(1, 20);
        long length = Campaign.Rounds(200, 500) * 1024L * 1024;
        for (int round = 1; round <= rounds; round++)
        {
            LoadDialer dialer = new();
            (LwipDevice device, Swarm swarm) = Start(1, dialer);
            await swarm.ConnectAsync();
            SwarmFlow flow = swarm.Flows[0];
            long started = Stopwatch.GetTimestamp();
            StallWatch watch = new(() => flow.Received);
            using (watch)
            {
                await UnderContentionAsync(async () =>
                {
                    dialer.Upstreams[0].Send(length);
                    await swarm.WaitAsync(() => flow.Received == length, "all bytes", 300);
                });
            }

            TestContext.Out.WriteLine($"{length >> 20} MiB in {Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s, longest stall {watch.Longest:F0} ms");
            swarm.AssertIntact();
            // The retransmission timer would cure it after 250 ms.
            Assert.That(watch.Longest, Is.LessThan(125), "the longest stall in milliseconds");
            await EndAsync();
        }
    }
}
