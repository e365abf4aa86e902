using System.Net;
using System.Runtime.CompilerServices;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Sessions;

/// <summary>One native session with many proxies, because a policy names a new one for each remote.</summary>
[TestFixture]
internal sealed class RouteTests : DeviceFixture
{
    private const int Remotes = 600;
    private const int MostRoutes = 256;

    private static readonly IPEndPoint s_app = IPEndPoint.Parse("10.9.0.2:5000");

    private Func<FlowInfo, IPacketProxy> _choose = null!;

    protected override LwipDeviceOptions Options => new()
    {
        Policy = (flow, _) => new ValueTask<FlowDecision>(FlowDecision.AcceptWith(_choose(flow))),
    };

    [Test]
    public async Task What_has_ended_is_forgotten()
    {
        List<WeakReference> proxies = [];
        _choose = _ => Ending(proxies);
        await SendToAllAsync();
        await Eventually.HoldsAsync(
            () =>
            {
                GC.Collect();
                return Alive(proxies) <= MostRoutes + 8; // what the decisions that are remembered hold
            },
            "the ended ones are collected");
    }

    [Test]
    public async Task What_could_not_be_opened_is_forgotten()
    {
        List<WeakReference> proxies = [];
        _choose = _ => Failing(proxies);
        for (int i = 0; i < Remotes; i++)
        {
            Link.Send(PacketBuilder.UdpDatagram(s_app, Remote(i), "x"u8));
            int failed = i + 1;
            await Eventually.HoldsAsync(() => Statistics.SessionsFailed == failed, "the failure");
        }

        await Eventually.HoldsAsync(
            () =>
            {
                GC.Collect();
                return Alive(proxies) <= MostRoutes + 8;
            },
            "the failed ones are collected");
        Assert.That(Statistics.Sessions, Is.EqualTo(1), "the application's session goes on");
    }

    [Test]
    public async Task Those_that_live_are_bounded_and_the_oldest_makes_room()
    {
        List<FakePacketProxy> proxies = [];
        _choose = _ =>
        {
            FakePacketProxy proxy = new();
            lock (proxies)
                proxies.Add(proxy);
            return proxy;
        };
        await SendToAllAsync();

        FakeSession[] sessions = [.. proxies.Select(static proxy => proxy.Sessions.Single())];
        Assert.That(sessions, Has.Length.EqualTo(Remotes));
        Assert.That(sessions.Select(static session => session.Disposals), Is.EqualTo(Enumerable.Range(0, Remotes).Select(static i => i < Remotes - MostRoutes ? 1 : 0)));
        await Device.DisposeAsync();
        await Eventually.HoldsAsync(() => sessions.All(static session => session.Disposals == 1), "the end of all, once each");
    }

    private async Task SendToAllAsync()
    {
        for (int i = 0; i < Remotes; i++)
        {
            Link.Send(PacketBuilder.UdpDatagram(s_app, Remote(i), "x"u8));
            Assert.That((await Link.NextAsync()).Source, Is.EqualTo(Remote(i)));
        }
    }

    private static IPEndPoint Remote(int i) => new(IPAddress.Parse($"192.0.2.{1 + (i % 200)}"), 1000 + (i / 200));

    private static int Alive(List<WeakReference> proxies)
    {
        lock (proxies)
            return proxies.Count(static proxy => proxy.IsAlive);
    }

    // Not inlined, so that no register of the test keeps a proxy.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static FakePacketProxy Ending(List<WeakReference> proxies)
    {
        FakePacketProxy proxy = new()
        {
            OnDatagram = static async (session, payload, destination) =>
            {
                await session.Receiver.WriteFromAsync(payload, destination);
                // Its remote has nothing more to say. The first one stays: or the application's session would end with it.
                if (destination.Port != 1000 || destination.Address.GetAddressBytes()[3] != 1)
                    await session.Receiver.DisposeAsync();
            },
        };
        lock (proxies)
            proxies.Add(new WeakReference(proxy));
        return proxy;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static FakePacketProxy Failing(List<WeakReference> proxies)
    {
        FakePacketProxy proxy = new() { OnOpen = static (_, _) => throw new NetworkException(NetworkError.AccessDenied) };
        lock (proxies)
            proxies.Add(new WeakReference(proxy));
        return proxy;
    }
}
