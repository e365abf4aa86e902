using System.Diagnostics;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Sessions;

/// <summary>What the Go original tests of its UDP over the stack, and some of what it doesn't.</summary>
[TestFixture]
internal sealed class UpstreamEdgeTests : DeviceFixture
{
    private static readonly IPEndPoint s_app = IPEndPoint.Parse("10.9.0.2:5000");

    [Test]
    public async Task Fifty_disposals_of_a_receiver_at_once_end_its_session_once_and_without_a_deadlock()
    {
        await EchoAsync(s_app, "ping"u8.ToArray());
        FakeSession session = Proxy.Sessions.Single();

        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => session.Receiver.DisposeAsync().AsTask()))).WaitAsync(TimeSpan.FromSeconds(10));

        await Eventually.HoldsAsync(() => session.Disposals == 1 && Statistics.Sessions == 0, "the end of the session");
        Assert.That(async () => await session.Receiver.WriteFromAsync(new byte[1], Server4), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public async Task A_source_port_that_is_used_again_after_its_session_ended_gets_a_new_one()
    {
        await EchoAsync(s_app, "first"u8.ToArray());
        await Proxy.Sessions.Single().Receiver.DisposeAsync();
        await Eventually.HoldsAsync(() => Statistics.Sessions == 0, "the end of the session");

        await EchoAsync(s_app, "second"u8.ToArray());

        Assert.That((Proxy.Calls, Statistics.SessionsOpened), Is.EqualTo((2, 2L)));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Fragments_whose_memory_the_caller_uses_again_make_whole_datagrams(bool reversed)
    {
        byte[] memory = new byte[1500];
        for (int round = 0; round < 50; round++)
        {
            byte[] payload = new byte[4000];
            new Random(round).NextBytes(payload);
            IEnumerable<byte[]> fragments = PacketBuilder.Fragment(PacketBuilder.UdpDatagram(s_app, Server4, payload), 1200);
            foreach (byte[] fragment in reversed ? fragments.Reverse() : fragments)
            {
                fragment.CopyTo(memory, 0);
                await Device.WriteAsync(memory.AsMemory(0, fragment.Length));
                memory.AsSpan().Fill(0xEE);
            }

            Assert.That(await NextPayloadAsync(round), Is.EqualTo(payload), $"datagram {round}");
        }
    }

    [Test]
    public async Task A_thousand_sessions_whose_answers_nobody_reads_hold_no_thread_and_bounded_memory()
    {
        Proxy.OnDatagram = static async (session, payload, destination) =>
        {
            for (int i = 0; i < 50; i++)
                await session.Receiver.WriteFromAsync(payload, destination);
        };
        LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { TimeProvider = Time });
        await using (device)
        {
            int threads = Process.GetCurrentProcess().Threads.Count;
            for (int i = 0; i < 1000; i++)
                await device.WriteAsync(PacketBuilder.UdpDatagram(new IPEndPoint(s_app.Address, 6000 + i), Server4, new byte[1000]));
            // Once the output is full an answer fails, and with it the call that the proxy made it in.
            await Eventually.HoldsAsync(() => device.GetStatistics() is { } now && now.DatagramsUp + now.DatagramsFailed == 1000, "all answers");

            LwipStatistics statistics = device.GetStatistics();
            using (Assert.EnterMultipleScope())
            {
                Assert.That(Process.GetCurrentProcess().Threads.Count - threads, Is.LessThan(100));
                Assert.That(statistics.Drops[PacketDropReason.OutputFull], Is.Positive);
                Assert.That(statistics.NativeBytes, Is.LessThan(16 * 1024 * 1024));
            }

            await device.DisposeAndDrainAsync();
        }
    }

    [Test]
    [Weakness(26)]
    public async Task Steps_of_the_wall_clock_change_nothing()
    {
        (TcpPeer peer, FakeUpstream _) = await ConnectAsync();
        await EchoAsync(s_app, "before"u8.ToArray());

        Time.StepWallClock(TimeSpan.FromDays(400));
        Time.StepWallClock(TimeSpan.FromDays(-800));
        await AdvanceAsync(TimeSpan.FromSeconds(5));
        await EchoAsync(s_app, "after"u8.ToArray());
        await peer.SendAsync(new byte[1]);
        await peer.WaitAcknowledgedAsync();

        Assert.That((Proxy.Calls, peer.WasReset), Is.EqualTo((1, false)));
    }

    private async Task EchoAsync(IPEndPoint app, byte[] payload)
    {
        Link.Send(PacketBuilder.UdpDatagram(app, Server4, payload));
        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo(payload));
    }

    /// <summary>What the proxy got: its answer comes in fragments, which the link doesn't put together.</summary>
    private async Task<byte[]> NextPayloadAsync(int number)
    {
        await Eventually.HoldsAsync(() => Proxy.Sessions.SelectMany(static session => session.Received).Count() > number, "the datagram");
        return Proxy.Sessions.SelectMany(static session => session.Received).ElementAt(number).Payload;
    }
}
