using System.Diagnostics;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Lwip.Tests.Leaks;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>Tunnels that come and go.</summary>
[TestFixture]
[Category("Campaign")]
internal sealed class StartStopTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMilliseconds(50);

    [AcceptanceRow(47)]
    [Test]
    public async Task Starting_and_stopping_grows_nothing_and_takes_50_ms_at_most()
    {
        NativeLibraryRequirement.Check();
        int rounds = Campaign.Rounds(500, 10_000);
        await RunAsync(50);
        ProcessResources before = ProcessResources.Count();
        long managed = GC.GetTotalMemory(forceFullCollection: true);

        (TimeSpan middle, TimeSpan longest, int over) = await RunAsync(rounds);

        ProcessResources after = ProcessResources.Count();
        long growth = GC.GetTotalMemory(forceFullCollection: true) - managed;
        TestContext.Out.WriteLine($"{rounds} rounds: {middle.TotalMilliseconds:F1} ms in the middle, {longest.TotalMilliseconds:F1} at most; managed memory {growth:+#;-#;0} bytes");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(over, Is.Zero, $"rounds that took longer than {s_limit.TotalMilliseconds} ms twice in a row; the longest {longest.TotalMilliseconds:F0} ms");
            Assert.That(after.MoreThan(before), Is.Null);
            // Pools and caches of the runtime, however many rounds there are.
            Assert.That(growth, Is.LessThan(500_000));
        }
    }

    /// <summary>A round that was slow is run again: on a busy machine a thread may wait that long for a processor, but not each time.</summary>
    private static async Task<(TimeSpan Middle, TimeSpan Longest, int Over)> RunAsync(int rounds)
    {
        List<TimeSpan> times = new(rounds);
        int over = 0;
        for (int i = 0; i < rounds; i++)
        {
            TimeSpan time = await RunOnceAsync();
            if (time > s_limit)
            {
                TimeSpan again = await RunOnceAsync();
                time = again < time ? again : time;
                if (time > s_limit)
                    over++;
            }

            times.Add(time);
        }

        times.Sort();
        return (times[rounds / 2], times[^1], over);
    }

    /// <summary>With a flow and a session, which the stop ends.</summary>
    private static async Task<TimeSpan> RunOnceAsync()
    {
        (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
        PacketLink link = new(far);
        FakeDialer dialer = new();
        long start = Stopwatch.GetTimestamp();
        Tunnel tunnel = Tunnel.Start(near, dialer, new FakePacketProxy(), new TunnelOptions { DisposeDevice = true });
        TimeSpan started = Stopwatch.GetElapsedTime(start);
        TcpPeer peer = link.CreatePeer(IPEndPoint.Parse("192.0.2.1:80"));
        Assert.That(await peer.ConnectAsync(), Is.True);
        link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), IPEndPoint.Parse("192.0.2.1:53"), "x"u8));
        await link.NextAsync();

        start = Stopwatch.GetTimestamp();
        await tunnel.StopAsync();
        TimeSpan stopped = Stopwatch.GetElapsedTime(start);
        await far.DisposeAsync();
        Assert.That((tunnel.Stack.IsReleased, dialer.Upstreams.Single().Disposals), Is.EqualTo((true, 1)));
        return started > stopped ? started : stopped;
    }
}
