using System.Net;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>Less than a hundredth of a byte of managed memory is allocated per packet, in both directions of flows and sessions that run.</summary>
[TestFixture]
[Category("Campaign")]
[NonParallelizable]
internal sealed class SteadyStateTests : LoadFixture
{
    private const int Segment = 1460;
    private const int Remotes = 64;

    /// <summary>Packets of a window that the application keeps under way.</summary>
    private const int Window = 64;

    [SetUp]
    public void RequireOptimizedCode() => Allocation.NeedsOptimizedCode(typeof(LwipDevice));

    [Test]
    public async Task Segments_to_an_upstream()
    {
        LoadDialer dialer = new();
        (LwipDevice _, Swarm swarm) = Start(1, dialer);
        await swarm.ConnectAsync();
        SwarmFlow flow = swarm.Flows[0];
        LoadUpstream upstream = dialer.Upstreams[0];
        await Allocation.AssertSteadyAsync(packets => Run(packets, upstream, flow.Send, static upstream => upstream.Received));
        Assert.That(upstream.Corrupt, Is.Null);
    }

    [Test]
    public async Task Segments_from_an_upstream()
    {
        LoadDialer dialer = new();
        (LwipDevice _, Swarm swarm) = Start(1, dialer);
        await swarm.ConnectAsync();
        SwarmFlow flow = swarm.Flows[0];
        await Allocation.AssertSteadyAsync(packets => Run(packets, flow, dialer.Upstreams[0].Send, static flow => flow.Received));
        swarm.AssertIntact();
    }

    [Test]
    public async Task Datagrams_to_64_remotes_and_their_answers()
    {
        NativeLibraryRequirement.Check();
        LwipDevice device = new(new LoadDialer(), new EchoProxy());
        await using (device)
        {
            Swarm swarm = new(device, 0);
            byte[][] datagrams = [.. Enumerable.Range(1, Remotes).Select(static i => PacketBuilder.UdpDatagram(
                IPEndPoint.Parse("10.9.0.2:5000"), new IPEndPoint(new IPAddress([198, 51, 100, (byte)i]), 443), new byte[1000]))];
            // A datagram and its answer: two packets.
            await Allocation.AssertSteadyAsync(packets =>
            {
                long start = swarm.Strays;
                for (int sent = 0; sent < packets / 2;)
                {
                    for (int i = 0; i < Window / 2 && sent < packets / 2; i++)
                        swarm.Write(datagrams[sent++ % Remotes]);
                    Spin(swarm, static swarm => swarm.Strays, start + sent);
                }
            });
        }
    }

    private static void Run<T>(int packets, T end, Action<long> send, Func<T, long> received)
    {
        long expected = received(end);
        for (int left = packets; left > 0; left -= Window)
        {
            int bytes = Math.Min(left, Window) * Segment;
            expected += bytes;
            send(bytes);
            Spin(end, received, expected);
        }
    }

    /// <summary>Waits without allocating.</summary>
    private static void Spin<T>(T end, Func<T, long> value, long expected)
    {
        SpinWait spin = default;
        while (value(end) != expected)
            spin.SpinOnce(sleep1Threshold: -1);
    }
}
