using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>Everything that a device offers, called from within everything that it calls.</summary>
[TestFixture]
[Category("Lifetime")]
internal sealed class ReentrancyTests
{
    /// <summary>By name, so that a failure says which.</summary>
    private static readonly (string Name, Action<HookedWorld, object?> Act)[] s_actions =
    [
        ("dispose", static (world, _) => _ = world.Device.DisposeAsync().AsTask()),
        ("dispose and wait a while", static (world, _) => world.Device.DisposeAsync().AsTask().Wait(TimeSpan.FromMilliseconds(100))),
        ("abort all", static (world, _) => world.Device.AbortAll()),
        ("replace the dialer", static (world, _) => world.Device.SetDialer(world.NewDialer(), ExistingFlows.Reset)),
        ("replace the proxy", static (world, _) => world.Device.SetPacketProxy(world.NewProxy(), ExistingFlows.Reset)),
        ("resume", static (world, _) => world.Device.OnResume()),
        ("change the MTU", static (world, _) => world.Device.SetMtu(1400)),
        ("look", static (world, _) => _ = (world.Device.GetFlows(), world.Device.GetStatistics())),
        ("write packets", static (world, _) => WritePackets(world)),
        ("end the caller", static (_, caller) => End(caller)),
        ("use the caller", static (_, caller) => Use(caller)),
    ];

    [AcceptanceRow(5)]
    [AcceptanceRow(32)]
    [Weakness(4)]
    [Test]
    public async Task From_within_any_call_everything_may_be_called([Values] CallPlace place)
    {
        NativeLibraryRequirement.Check();
        // As many at a time as there are stacks.
        foreach ((string Name, Action<HookedWorld, object?> Act)[] some in s_actions.Chunk(Math.Min(8, Interop.NativeLibraryInfo.StackLimit)))
            await Task.WhenAll(some.Select(action => Task.Run(() => TryAsync(place, action.Name, action.Act)))).WaitAsync(TimeSpan.FromSeconds(60));
    }

    private static async Task TryAsync(CallPlace place, string name, Action<HookedWorld, object?> act)
    {
        int acted = 0;
        bool ending = false;
        Exception? failure = null;
        using HookedWorld world = new((self, at, caller) =>
        {
            if (at != place || Interlocked.Exchange(ref acted, 1) != 0)
                return;
            try
            {
                act(self, caller);
            }
            catch (ObjectDisposedException) when (Volatile.Read(ref ending))
            {
                // Called by the disposal itself: what changes a device says so.
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        try
        {
            await world.LiveAsync();
        }
        catch (TimeoutException exception)
        {
            Assert.Fail($"{name} in {place}: {exception.Message}");
        }
        finally
        {
            Volatile.Write(ref ending, true);
            await world.EndAsync();
        }

        // Tokens are cancelled beside the disposal.
        await Eventually.HoldsAsync(() => Volatile.Read(ref acted) == 1, $"{name} in {place}");
        Assert.That((failure, world.Device.GetStatistics().Asserts), Is.EqualTo(((Exception?)null, 0L)), $"{name} in {place}");
        await Eventually.HoldsAsync(() => world.Upstreams.All(static upstream => upstream.Disposals != 0), $"disposal after {name} in {place}");
        int ownDisposals = name == "end the caller" ? 1 : 0;
        Assert.That(world.Upstreams.Sum(static upstream => upstream.Disposals), Is.InRange(world.Upstreams.Count, world.Upstreams.Count + ownDisposals), $"{name} in {place}");
        Assert.That(world.Sessions.Sum(static session => session.Disposals), Is.InRange(world.Sessions.Count, world.Sessions.Count + ownDisposals), $"{name} in {place}");
    }

    /// <summary>What may arrive just then: the end of the flow that is served, its beginning, one of another, and a datagram.</summary>
    private static void WritePackets(HookedWorld world)
    {
        if (world.Last is { } peer)
        {
            world.Link.Send(PacketBuilder.TcpSegment(peer.Local, peer.Remote, peer.InitialSequence + 1, 0, TcpFlags.Rst, 0));
            peer.SendSyn();
        }

        IPEndPoint server = IPEndPoint.Parse("93.184.216.34:80");
        world.Link.CreatePeer(server, IPEndPoint.Parse("10.9.0.9:9000")).SendSyn();
        world.Link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), server, "again"u8));
        world.Link.Send([0x45]);
    }

    private static void End(object? caller)
    {
        switch (caller)
        {
            case HookedUpstream upstream:
                upstream.Inner.Abort();
                _ = upstream.Inner.DisposeAsync().AsTask();
                break;
            case HookedSession session:
                _ = session.DisposeAsync().AsTask();
                break;
            case IPacketResponseReceiver receiver:
                _ = receiver.DisposeAsync().AsTask();
                break;
        }
    }

    private static void Use(object? caller)
    {
        IPEndPoint server = IPEndPoint.Parse("93.184.216.34:80");
        switch (caller)
        {
            case HookedUpstream upstream:
                upstream.Inner.AbortReads();
                _ = upstream.Inner.CompleteWritesAsync().AsTask();
                break;
            case HookedSession session:
                _ = session.Receiver.WriteFromAsync("by the way"u8.ToArray(), server).AsTask();
                break;
            case IPacketResponseReceiver receiver:
                _ = receiver.WriteFromAsync("before it is open"u8.ToArray(), server).AsTask();
                break;
        }
    }
}
