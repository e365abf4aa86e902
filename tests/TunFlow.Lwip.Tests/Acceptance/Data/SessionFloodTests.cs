using System.Net;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>An application that uses up ports by the ten thousand.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class SessionFloodTests
{
    private const int Ports = 50_000;

    private static readonly IPEndPoint s_server = IPEndPoint.Parse("198.51.100.1:443");
    private static readonly IPEndPoint s_resolver = IPEndPoint.Parse("8.8.8.8:53");

    // example.com A
    private static readonly byte[] s_query = Convert.FromHexString("123401000001000000000000" + "076578616D706C6503636F6D0000010001");

    [SetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    [Test]
    [AcceptanceRow(26)]
    public async Task A_hundred_thousand_sessions_of_one_application_evict_the_oldest_within_the_budget_and_DNS_is_answered()
    {
        const int sessions = 100_000;
        EchoProxy proxy = new();
        LwipDeviceOptions options = new() { TimeProvider = new ManualTimeProvider() };
        LwipStatistics statistics;
        long managed = GC.GetTotalMemory(forceFullCollection: true);
        LwipDevice device = new(new FakeDialer(), proxy, options);
        await using (device)
        {
            PacketLink link = new(device);
            IPEndPoint inUse = IPEndPoint.Parse("10.9.9.9:9999");
            for (int i = 0; i < sessions; i++)
            {
                link.Send(PacketBuilder.UdpDatagram(Source(i), s_server, "x"u8));
                if (i % 1000 != 999)
                    continue;
                link.Send(PacketBuilder.UdpDatagram(inUse, s_server, "in use"u8));
                IPEndPoint resolving = new(IPAddress.Parse("10.9.9.8"), 1024 + (i / 1000));
                link.Send(PacketBuilder.UdpDatagram(resolving, s_resolver, s_query));
                await AnswersAsync(link, resolving, s_resolver);
                // In the rhythm of an application; sessions that are evicted before they were opened cost their datagram.
                await Eventually.HoldsAsync(() => proxy.Opened >= i, "the sessions");
                // Evicted ones count until their relay has let go of them.
                await Eventually.HoldsAsync(() => device.GetStatistics().Sessions <= options.MaxSessions, "the cap");
            }

            statistics = device.GetStatistics();
            long held = GC.GetTotalMemory(forceFullCollection: true) - managed;
            await Eventually.HoldsAsync(() => proxy.Opened - proxy.Disposed == options.MaxSessions, "the evicted ones are disposed");
            TestContext.Out.WriteLine($"native {statistics.NativeBytesPeak >> 10} KiB at most, managed {held >> 10} KiB at the end: {(statistics.NativeBytes + held) / options.MaxSessions} bytes each");
            using (Assert.EnterMultipleScope())
            {
                Assert.That((statistics.Sessions, statistics.SessionsEvicted), Is.EqualTo((options.MaxSessions, statistics.SessionsOpened - options.MaxSessions)));
                // The one in use was never evicted: one session for it, one for each other port.
                Assert.That(proxy.Opened, Is.EqualTo(sessions + 100 + 1));
                Assert.That(statistics.NativeBytesPeak, Is.LessThan(options.MaxNativeBytes / 8));
                Assert.That(held, Is.LessThan(options.MaxSessions * 4096L), "managed bytes");
            }
        }

        await Eventually.HoldsAsync(() => proxy.Disposed == proxy.Opened, "the rest is disposed with the device");
    }

    [Test]
    [Weakness(5)]
    public async Task A_hundred_thousand_one_shot_queries_leave_no_session_and_no_memory_after_the_timeout()
    {
        ManualTimeProvider time = new();
        DnsTruncatePacketProxy proxy = new(new() { TimeProvider = time });
        LwipDevice device = new(new FakeDialer(), proxy, new LwipDeviceOptions { TimeProvider = time, MaxSessions = 2 * Ports });
        PacketLink link = new(device);
        // The first rounds bring tables and the runtime's queues to their size; the base is what they leave.
        await AskOnceAsync(device, link, proxy, time);
        await AskOnceAsync(device, link, proxy, time);
        long before, during, after = await MemoryAsync(device);
        int rounds = 0;
        do
        {
            // A queue of the runtime that only now grew to a place for each session stays; a leak grows in every round.
            before = after;
            during = await AskOnceAsync(device, link, proxy, time);
            after = await MemoryAsync(device);
        }
        while (after > before * 1.05 && ++rounds < 4);

        TestContext.Out.WriteLine($"{before >> 10} KiB before, {during >> 10} KiB with all sessions ({(during - before) / (2 * Ports)} bytes each), {after >> 10} KiB after");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(after, Is.EqualTo(before).Within(5).Percent);
            Assert.That((device.GetStatistics().Sessions, proxy.GetStatistics().ActiveSessions, time.ActiveTimers), Is.EqualTo((0, 0, 0)));
        }

        await AskAsync(link, proxy);
        await device.DisposeAsync();
        await link.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That((device.IsReleased, proxy.GetStatistics().ActiveSessions), Is.EqualTo((true, 0)));
    }

    private static IPEndPoint Source(int i) => new(new IPAddress([10, 9, (byte)(1 + (i / Ports)), 2]), 10_000 + (i % Ports));

    private static long Memory(LwipDevice device) => GC.GetTotalMemory(forceFullCollection: true) + device.GetStatistics().NativeBytes;

    /// <summary>Once what ended has left the stacks of its threads.</summary>
    private static async Task<long> MemoryAsync(LwipDevice device)
    {
        long least = long.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            await Task.Delay(50);
            GC.WaitForPendingFinalizers();
            least = Math.Min(least, Memory(device));
        }

        return least;
    }

    /// <summary>Each port asks once, and then is idle until its session is gone. Returns the memory of all.</summary>
    private static async Task<long> AskOnceAsync(LwipDevice device, PacketLink link, DnsTruncatePacketProxy proxy, ManualTimeProvider time)
    {
        await AskAsync(link, proxy);
        Assert.That(device.GetStatistics().Sessions, Is.EqualTo(2 * Ports));
        long memory = Memory(device);
        // Not on a thread of the pool: its own queue would grow to a place for each session, and stay.
        Thread clock = new(() => time.Advance(TimeSpan.FromSeconds(11)));
        clock.Start();
        clock.Join();
        await Eventually.HoldsAsync(() => device.GetStatistics().Sessions == 0 && proxy.GetStatistics().ActiveSessions == 0, "the end of all sessions", 30_000);
        return memory;
    }

    private static async Task AskAsync(PacketLink link, DnsTruncatePacketProxy proxy)
    {
        long answered = proxy.GetStatistics().QueriesAnswered;
        for (int i = 0; i < 2 * Ports; i++)
        {
            link.Send(PacketBuilder.UdpDatagram(Source(i), s_resolver, s_query));
            if (i % 500 == 499)
                await Eventually.HoldsAsync(() => proxy.GetStatistics().QueriesAnswered == answered + i + 1, "the answers");
        }

        while (link.Others.TryRead(out _))
        {
        }
    }

    private static async Task AnswersAsync(PacketLink link, IPEndPoint application, IPEndPoint from)
    {
        while (await link.NextAsync() is { } packet)
        {
            if (packet.Destination.Equals(application) && packet.Source.Equals(from))
                return;
        }
    }
}
