using System.Diagnostics;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Sessions;

/// <summary>A packet proxy that takes a second to open a session, asynchronously or by blocking its thread, delays nothing but that session.</summary>
[TestFixture(false)]
[TestFixture(true)]
internal sealed class SlowOpeningTests(bool blocking) : DeviceFixture
{
    private const int Queue = 64;

    // One that blocks costs the pool a thread for as long; twenty on a small machine would be the pool's own matter.
    private int Ports => blocking ? 1 : 20;

    private static readonly TimeSpan s_slow = TimeSpan.FromSeconds(1);

    protected override LwipDeviceOptions Options => new() { SessionQueueLength = Queue };

    [Test, Weakness(7)]
    public async Task No_write_waits_for_it_and_other_flows_go_on()
    {
        Proxy.OnDatagram = static (_, _, _) => ValueTask.CompletedTask;
        using SemaphoreSlim gate = new(0);
        Proxy.OnOpen = (_, token) => OpenAsync(gate, token);
        await ConnectAsync();
        byte[][] packets = [.. Enumerable.Range(0, 3).SelectMany(round => Enumerable.Range(0, Ports).Select(port => Packet(port, round)))];
        List<TimeSpan> writes = [];
        long start = Stopwatch.GetTimestamp();
        foreach (byte[] packet in packets)
        {
            long before = Stopwatch.GetTimestamp();
            ValueTask write = Device.WriteAsync(packet);
            Assert.That(write.IsCompletedSuccessfully, Is.True, "a write that is done when it returns");
            writes.Add(Stopwatch.GetElapsedTime(before));
        }

        TcpPeer other = Link.CreatePeer(Server4);
        Assert.That(await other.ConnectAsync(), Is.True);
        TimeSpan all = Stopwatch.GetElapsedTime(start);

        // On a busy machine any one may lose its processor for a while; all but a few must not have been near the limit.
        writes.Sort();
        TestContext.Out.WriteLine($"writes: median {writes[writes.Count / 2].TotalMicroseconds:F0} us, most {writes[^1].TotalMicroseconds:F0} us; connected after {all.TotalMilliseconds:F0} ms");
        Assert.That(writes[writes.Count * 9 / 10], Is.LessThan(TimeSpan.FromMilliseconds(5)));
        await Task.Delay(s_slow);
        Assert.That(Statistics.DatagramsUp, Is.Zero, "the sessions are still being opened");
        gate.Release(Ports);
        await Eventually.HoldsAsync(() => Proxy.Sessions.Sum(static session => session.Received.Count) == packets.Length, "all datagrams", 60_000);
        Assert.That((Proxy.Calls, Statistics.SessionsOpened, Statistics.Sessions), Is.EqualTo((Ports, (long)Ports, Ports)));
    }

    [Test, Weakness(7), Weakness(31)]
    public async Task Early_datagrams_come_in_order_and_those_above_the_queue_are_counted()
    {
        const int extra = 40;
        using SemaphoreSlim gate = new(0);
        Proxy.OnDatagram = static (_, _, _) => ValueTask.CompletedTask;
        Proxy.OnOpen = (_, token) => OpenAsync(gate, token);
        Link.Send(Packet(0, 0));
        // The first one has left the queue with the opening; what comes now has to wait.
        await Eventually.HoldsAsync(() => Proxy.Calls == 1, "the opening");
        for (int i = 1; i <= Queue + extra; i++)
            Link.Send(Packet(0, i));

        LwipStatistics waiting = Statistics;
        Assert.That((waiting.Drops[PacketDropReason.SessionQueue], waiting.Drops.Total, waiting.Sessions), Is.EqualTo(((long)extra, (long)extra, 1)));
        gate.Release();

        await Eventually.HoldsAsync(() => Statistics.DatagramsUp == Queue + 1, "what was kept");
        FakeSession session = Proxy.Sessions.Single();
        Assert.That(session.Received.Select(static datagram => (int)datagram.Payload[0]), Is.EqualTo(Enumerable.Range(0, Queue + 1)));
        Assert.That((Proxy.Calls, Statistics.SessionsOpened), Is.EqualTo((1, 1L)));
    }

    [Test, Weakness(31)]
    public async Task What_still_waits_when_its_session_ends_is_counted()
    {
        using SemaphoreSlim gate = new(0);
        Proxy.OnOpen = (_, token) => OpenAsync(gate, token);
        for (int i = 0; i < 50; i++)
            Link.Send(Packet(0, i));
        await Eventually.HoldsAsync(() => Proxy.Calls == 1, "the opening");

        Device.AbortAll();

        await Eventually.HoldsAsync(() => Statistics is { Sessions: 0, DatagramsFailed: 50 }, "the end of the session");
        Assert.That((Statistics.DatagramsUp, Statistics.Drops.Total), Is.EqualTo((0L, 0L)));
    }

    private async ValueTask OpenAsync(SemaphoreSlim gate, CancellationToken cancellationToken)
    {
        if (blocking)
            gate.Wait(cancellationToken);
        else
            await gate.WaitAsync(cancellationToken);
    }

    private static byte[] Packet(int port, int number) => PacketBuilder.UdpDatagram(new IPEndPoint(IPAddress.Parse("10.9.0.2"), 6000 + port), Server4, [(byte)number]);
}
