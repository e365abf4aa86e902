using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Packets;

/// <summary>Packets of the fuzzer's kind through the managed API: whatever comes, nothing throws, nothing is left, and what is there already costs no allocation.</summary>
[TestFixture]
[NonParallelizable]
[AcceptanceRow(4)]
[Category("Campaign")]
internal sealed class HostilePacketTests
{
    private const int Mtu = 1500;
    private const int BatchLength = 32;

    private readonly PacketBuffer[] _batch = [.. Enumerable.Range(0, BatchLength).Select(static _ => new PacketBuffer(new byte[PacketBuffer.MaxPacketLength]))];

    private static int Packets => Campaign.Rounds(100_000, Campaign.Setting("PACKETS", 10_000_000));

    private static int Seed => Campaign.Setting("SEED", 1);

    [SetUp]
    public void SetUp() => NativeLibraryRequirement.Check();

    [Test]
    [CancelAfter(3_600_000)]
    public async Task Hostile_packets_neither_throw_nor_leave_anything_behind()
    {
        List<Exception> unobserved = [];
        void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs e)
        {
            lock (unobserved)
                unobserved.Add(e.Exception);
        }

        IReadOnlyList<byte[]> corpus = PacketCorpus.Read(Mtu);
        Collect();
        TaskScheduler.UnobservedTaskException += OnUnobserved;
        ManualTimeProvider time = new();
        TrafficDialer dialer = new(fates: 8);
        TrafficProxy proxy = new(echoes: true);
        LwipDevice device = new(dialer, proxy, new LwipDeviceOptions
        {
            Mtu = Mtu,
            TimeProvider = time,
            EchoMode = EchoMode.Answer,
            MaxFlows = 200,
            MaxPendingDials = 100,
            MaxPendingDialsPerSource = 80,
            MaxSessions = 64,
            DialTimeout = TimeSpan.FromSeconds(2),
            LingerTimeout = TimeSpan.FromSeconds(1),
            TimeWait = TimeSpan.FromMilliseconds(200),
            UdpIdleTimeout = TimeSpan.FromSeconds(1),
        });
        long baseline = device.GetStatistics().NativeBytes;
        HostileFlow[] flows = [.. Enumerable.Range(0, 256).Select(static i => new HostileFlow(i))];
        Task<long> drain = Task.Run(() => DrainAsync(device, flows, checks: true));
        HostileTraffic traffic = new(Seed, flows, corpus, Mtu);
        try
        {
            await SendAsync(device, traffic, time, Packets);
            LwipStatistics load = device.GetStatistics();
            device.AbortAll();
            await AdvanceUntilAsync(time, () => device.GetStatistics() is { Flows: 0, Sessions: 0 }, "all flows and sessions are gone");
            await AdvanceUntilAsync(time, () => device.GetStatistics().NativeBytes == baseline, "all native memory is free");
            LwipStatistics end = device.GetStatistics();
            await device.DisposeAsync();
            Campaign.Report("packets answered", await drain.WaitAsync(TimeSpan.FromSeconds(30)));
            await Eventually.HoldsAsync(() => device.IsReleased, "release of the native stack");
            await Eventually.HoldsAsync(() => dialer.Disposed == dialer.Opened && proxy.Disposed == proxy.Opened, "disposal of every upstream and sender");
            Collect();

            Report(load, dialer, proxy);
            using (Assert.EnterMultipleScope())
            {
                Assert.That(unobserved, Is.Empty, "exceptions that nobody looked at");
                Assert.That((end.UnexpectedExceptions, end.Asserts), Is.EqualTo((0L, 0L)));
                Assert.That((dialer.DisposedAgain, proxy.DisposedAgain), Is.EqualTo((0, 0)));
                Assert.That(end.Dials, Is.EqualTo(end.DialsSucceeded + end.DialsFailed), "every dial ended once");
                Assert.That(load.PacketsIn, Is.GreaterThan(Packets / 2), "packets that passed the filter");
                Assert.That((load.FlowsOpened, load.SessionsOpened, dialer.Received, proxy.Datagrams), Is.Not.AnyOf((0L, 0L, 0L, 0L)));
                Assert.That(load.FlowsOpened, Is.GreaterThan(200));
                Assert.That(load.SessionsOpened, Is.GreaterThan(500));
            }
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= OnUnobserved;
            await device.DisposeAsync();
        }
    }

    /// <summary>Noise, and sound and broken packets for flows and sessions that are there: opening and closing one costs memory, a packet does not.</summary>
    [Test]
    [CancelAfter(3_600_000)]
    public async Task Packets_of_a_steady_state_allocate_nothing()
    {
        Allocation.NeedsOptimizedCode(typeof(LwipDevice));
        const int count = 16;
        TrafficDialer dialer = new(fates: 1);
        TrafficProxy proxy = new(echoes: false);
        await using LwipDevice device = new(dialer, proxy, new LwipDeviceOptions { Mtu = Mtu, TimeProvider = new ManualTimeProvider() });
        HostileFlow[] flows = [.. Enumerable.Range(0, count).Select(static i => new HostileFlow(i))];
        Task<long> drain = Task.Run(() => DrainAsync(device, flows, checks: false));
        HostileTraffic traffic = new(Seed, flows, [], Mtu) { OpensAndCloses = false };
        await OpenAsync(device, proxy, flows);
        long start = flows.Sum(static flow => (long)flow.Next);
        long packets = 0;
        for (int part = 0; part < Math.Max(1, Packets / (BatchLength * Allocation.Rounds)); part++)
        {
            await Allocation.AssertNoneAsync(async rounds =>
            {
                packets += rounds * BatchLength;
                for (int round = 0; round < rounds; round++)
                {
                    for (int i = 0; i < BatchLength; i++)
                        traffic.Make(ref _batch[i]);
                    await device.WriteBatchAsync(_batch);

                    // The next round finds everything as this one did.
                    long sent = -start;
                    foreach (HostileFlow flow in flows)
                        sent += flow.Next;
                    while (dialer.Received < sent || proxy.Datagrams - count < traffic.Datagrams)
                        await Task.Yield();
                }
            });
        }

        Campaign.Report("packets of a steady state, which allocated nothing", packets);
        LwipStatistics end = device.GetStatistics();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((end.Flows, end.FlowsOpened, dialer.Opened), Is.EqualTo((count, (long)count, count)), "nothing was opened or closed");
            Assert.That((end.UnexpectedExceptions, end.Asserts), Is.EqualTo((0L, 0L)));
            Assert.That(end.StreamBytesUp, Is.Positive);
        }

        await device.DisposeAsync();
        await drain.WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>One connection and one session for each.</summary>
    private static async Task OpenAsync(LwipDevice device, TrafficProxy proxy, HostileFlow[] flows)
    {
        byte[] packet = new byte[Mtu];
        async Task WriteAsync(int length)
        {
            RawPacket.FixChecksums(packet.AsSpan(0, length));
            await device.WriteAsync(packet.AsMemory(0, length));
        }

        foreach (HostileFlow flow in flows)
        {
            await WriteAsync(flow.Segment(packet, TcpFlags.Syn, flow.Next++, 0, ushort.MaxValue, 0));
            await Eventually.HoldsAsync(() => flow.Expected != 0, "SYN-ACK");
            await WriteAsync(flow.Segment(packet, TcpFlags.Ack, flow.Next, flow.Expected, ushort.MaxValue, 0));
            await WriteAsync(flow.Datagram(packet, flow.Port, 100));
        }

        await Eventually.HoldsAsync(() => device.GetStatistics() is { FlowsOpened: var opened, Sessions: var sessions } && opened == flows.Length && sessions == flows.Length, "flows and sessions");
        await Eventually.HoldsAsync(() => proxy.Datagrams == flows.Length, "their first datagrams");
    }

    private static void Report(LwipStatistics load, TrafficDialer dialer, TrafficProxy proxy)
    {
        Campaign.Report("random packets", Packets);
        Campaign.Report("flows opened by random packets", load.FlowsOpened);
        Campaign.Report("upstreams dialled for random packets", dialer.Opened);
        Campaign.Report("sessions opened by random packets", proxy.Opened);
        TestContext.Out.WriteLine(load.Drops);
    }

    private static void Collect()
    {
        for (int i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private async Task SendAsync(LwipDevice device, HostileTraffic traffic, ManualTimeProvider time, int packets)
    {
        for (int sent = 0; sent < packets; sent += BatchLength)
        {
            for (int i = 0; i < BatchLength; i++)
                traffic.Make(ref _batch[i]);
            if (sent % 8 == 0)
            {
                for (int i = 0; i < BatchLength; i++)
                    await device.WriteAsync(_batch[i].Packet);
            }
            else
            {
                await device.WriteBatchAsync(_batch);
            }

            if (sent / BatchLength % 16 == 0)
            {
                time.Advance(TimeSpan.FromMilliseconds(50));
                await Task.Yield();
            }
        }
    }

    private static async Task AdvanceUntilAsync(ManualTimeProvider time, Func<bool> condition, string what)
    {
        for (int i = 0; i < 3000 && !condition(); i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(1);
        }

        Assert.That(condition(), Is.True, what);
    }

    /// <summary>Reads what the device answers until it ends; returns the number of packets. With checks, a malformed one faults.</summary>
    private static async Task<long> DrainAsync(LwipDevice device, HostileFlow[] flows, bool checks)
    {
        byte[] buffer = new byte[PacketBuffer.MaxPacketLength];
        long count = 0;
        int length;
        while ((length = await device.ReadAsync(buffer)) > 0)
        {
            HostileFlow.Learn(flows, buffer.AsSpan(0, length));
            count++;
            if (checks)
                ParsedPacket.Parse(buffer.AsSpan(0, length));
        }

        return count;
    }
}
