using System.Net;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>No packet of a flow or session that runs allocates managed memory, whether it comes in a stream or alone.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class AllocationTests : LoadFixture
{
#if DEBUG
    [SetUp]
    public void RequireReleaseBuild() => Assert.Ignore("State machines of async methods are objects in a debug build.");
#endif

    [Test]
    [Weakness(24)]
    public async Task A_stream_to_the_upstream_allocates_nothing()
    {
        LoadDialer dialer = new();
        (LwipDevice _, Swarm swarm) = Start(1, dialer);
        await swarm.ConnectAsync();
        SwarmFlow flow = swarm.Flows[0];
        LoadUpstream upstream = dialer.Upstreams[0];
        await Allocation.AssertNoneAsync(rounds =>
        {
            long expected = upstream.Received + (rounds * 1460L);
            flow.Send(rounds * 1460L);
            return SpinAsync(() => upstream.Received == expected);
        });
        Assert.That(upstream.Corrupt, Is.Null);
    }

    [Test]
    [Weakness(24)]
    public async Task A_stream_from_the_upstream_allocates_nothing()
    {
        LoadDialer dialer = new();
        (LwipDevice _, Swarm swarm) = Start(1, dialer);
        await swarm.ConnectAsync();
        SwarmFlow flow = swarm.Flows[0];
        await Allocation.AssertNoneAsync(rounds =>
        {
            long expected = flow.Received + (rounds * 1460L);
            dialer.Upstreams[0].Send(rounds * 1460L);
            return SpinAsync(() => flow.Received == expected);
        });
        swarm.AssertIntact();
    }

    [Test]
    [Weakness(24)]
    public async Task A_ping_pong_allocates_nothing()
    {
        LoadDialer dialer = new() { Echoes = true };
        (LwipDevice _, Swarm swarm) = Start(1, dialer);
        await swarm.ConnectAsync();
        SwarmFlow flow = swarm.Flows[0];
        await Allocation.AssertNoneAsync(async rounds =>
        {
            long expected = flow.Received;
            Func<bool> condition = () => flow.Received == expected;
            for (int i = 0; i < rounds; i++)
            {
                expected += 100;
                flow.Send(100);
                await SpinAsync(condition);
            }
        });
        swarm.AssertIntact();
    }

    [Test]
    [Weakness(24)]
    public async Task Datagrams_that_are_echoed_one_by_one_allocate_nothing()
    {
        LwipDevice device = new(new LoadDialer(), new EchoProxy());
        await using (device)
        {
            Swarm swarm = new(device, 0);
            byte[] datagram = PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), IPEndPoint.Parse("198.51.100.1:7"), new byte[1000]);
            await Allocation.AssertNoneAsync(async rounds =>
            {
                long expected = swarm.Strays;
                Func<bool> condition = () => swarm.Strays == expected;
                for (int i = 0; i < rounds; i++)
                {
                    expected++;
                    swarm.Write(datagram);
                    await SpinAsync(condition);
                }
            });
        }
    }

    /// <summary>Waits without allocating, on the caller's thread.</summary>
    private static Task SpinAsync(Func<bool> condition)
    {
        SpinWait spin = default;
        while (!condition())
            spin.SpinOnce(sleep1Threshold: -1);
        return Task.CompletedTask;
    }
}
