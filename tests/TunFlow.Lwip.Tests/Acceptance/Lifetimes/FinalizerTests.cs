using System.Net;
using System.Runtime.CompilerServices;
using TunFlow.Interop;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Lwip.Tests.Leaks;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>Devices that nobody disposes, or that are used after somebody did.</summary>
[TestFixture]
[Category("Lifetime")]
internal sealed class FinalizerTests
{
    private static readonly IPEndPoint s_server = IPEndPoint.Parse("93.184.216.34:80");

    [SetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    [AcceptanceRow(32)]
    [LeavesToFinalizer(20)]
    [Test]
    public void A_device_that_nobody_disposes_is_the_collector_s_and_freed_once()
    {
        ProcessResources before = ProcessResources.Count();
        long finalized = StackHandleStatistics.Finalized, undestroyed = StackHandleStatistics.Leaked;
        // More than there are stacks: each has to be freed for one that follows.
        for (int i = 0; i < 20; i++)
        {
            WeakReference device = Lose();
            Collect(() => !device.IsAlive && StackHandleStatistics.Finalized == finalized + i + 1);
        }

        Assert.That((StackHandleStatistics.Finalized - finalized, StackHandleStatistics.Leaked - undestroyed), Is.EqualTo((20L, 0L)));
        Collect(() => ProcessResources.Count().MoreThan(before) is null);
    }

    [AcceptanceRow(32)]
    [LeavesToFinalizer(1)]
    [Test]
    public void A_device_that_is_lost_with_flows_and_unread_packets_is_freed_with_them()
    {
        ProcessResources before = ProcessResources.Count();
        WeakReference device = LoseWithPackets();
        Collect(() => !device.IsAlive && ProcessResources.Count().MoreThan(before) is null);
    }

    [AcceptanceRow(32)]
    [Test]
    public async Task Disposing_twice_and_using_afterwards_changes_nothing()
    {
        FakeDialer dialer = new();
        LwipDevice device = new(dialer, new FakePacketProxy());
        PacketLink link = new(device);
        TcpPeer peer = link.CreatePeer(s_server);
        Assert.That(await peer.ConnectAsync(), Is.True);
        await Eventually.HoldsAsync(() => dialer.Upstreams.Count == 1, "the upstream");
        await device.DisposeAsync();
        await device.DisposeAsync();
        await link.Completion;
        LwipStatistics last = device.GetStatistics();

        // In the place of the one that is gone: whatever the first one is told must not touch it.
        LwipDevice next = new(dialer, new FakePacketProxy());
        PacketLink nextLink = new(next);
        TcpPeer nextPeer = nextLink.CreatePeer(s_server, peer.Local);
        Assert.That(await nextPeer.ConnectAsync(), Is.True);
        device.AbortAll();
        Assert.That(() => device.SetMtu(600), Throws.TypeOf<ObjectDisposedException>());
        device.OnResume();
        Assert.That(() => device.SetDialer(new FakeDialer(), ExistingFlows.Reset), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(async () => await device.WriteAsync(new byte[40]), Throws.TypeOf<ObjectDisposedException>());
        await device.DisposeAsync();
        await nextPeer.SendAsync(new byte[10]);
        await nextPeer.WaitAcknowledgedAsync();

        Assert.That((device.GetStatistics().PacketsIn, next.Mtu, next.GetStatistics().Flows, nextPeer.WasReset), Is.EqualTo((last.PacketsIn, 1500, 1, false)));
        await next.DisposeAsync();
        await nextLink.Completion;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Lose() => new(new LwipDevice(new FakeDialer(), new FakePacketProxy()));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference LoseWithPackets()
    {
        // A flow that is refused at once, and a stack that has an answer nobody reads. Nothing of it runs any more when this returns.
        LwipDevice device = new(new FakeDialer(), new FakePacketProxy(), new LwipDeviceOptions { TimeProvider = new ManualTimeProvider() });
        for (int i = 0; i < 100; i++)
        {
            byte[] stray = PacketBuilder.TcpSegment(IPEndPoint.Parse($"10.9.0.2:{1000 + i}"), s_server, 1, 1, TcpFlags.Ack, 1000);
            device.WriteAsync(stray).AsTask().Wait();
        }

        Assert.That(device.GetStatistics().OutputQueue, Is.EqualTo(100), "RSTs that nobody reads");
        // Some of them were taken out already.
        Assert.That(device.ReadAsync(new byte[1500]).AsTask().Result, Is.EqualTo(40));
        return new WeakReference(device);
    }

    private static void Collect(Func<bool> condition)
    {
        long start = Environment.TickCount64;
        while (!condition())
        {
            Assert.That(Environment.TickCount64 - start, Is.LessThan(10_000), "milliseconds until the collector is done");
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }
}
