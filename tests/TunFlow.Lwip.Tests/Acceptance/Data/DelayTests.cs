using System.Diagnostics;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>Windows large enough for a path that takes its time.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class DelayTests
{
    [Test]
    [Weakness(24)]
    public async Task Twenty_milliseconds_more_on_the_way_leave_each_direction_a_window_a_round_trip()
    {
        NativeLibraryRequirement.Check();
        TimeSpan delay = TimeSpan.FromMilliseconds(20);
        const long length = 60 * 1024 * 1024;
        LoadDialer dialer = new();
        await using LwipDevice device = new(dialer, new FakePacketProxy());
        await using ImpairmentDevice slow = new(device, new ImpairmentOptions { Read = new LinkImpairment { Delay = delay }, MaxDelayedBytes = 64 * 1024 * 1024 }, ownsInner: false);
        Swarm swarm = new(slow, 1);
        await swarm.ConnectAsync();
        SwarmFlow flow = swarm.Flows[0];
        LoadUpstream upstream = dialer.Upstreams[0];

        long started = Stopwatch.GetTimestamp();
        upstream.Send(length);
        await swarm.WaitAsync(() => flow.Received == length, "all bytes down", 60);
        double down = length / Stopwatch.GetElapsedTime(started).TotalSeconds;
        started = Stopwatch.GetTimestamp();
        flow.Send(length);
        await swarm.WaitAsync(() => upstream.Received == length, "all bytes up", 60);
        double up = length / Stopwatch.GetElapsedTime(started).TotalSeconds;

        double possible = new LwipDeviceOptions().SendBuffer / delay.TotalSeconds;
        TestContext.Out.WriteLine($"{down / 1e6:F1} MB/s down, {up / 1e6:F1} MB/s up; a window a round trip is {possible / 1e6:F1}, the original's 32 KiB are 1.6");
        swarm.AssertIntact();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(upstream.Corrupt, Is.Null);
            // The rest: slow start, and timers of the decorator that are a millisecond late.
            Assert.That(Math.Min(down, up), Is.GreaterThan(possible / 2));
        }
    }
}
