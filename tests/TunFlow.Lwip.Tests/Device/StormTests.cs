using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <summary>Everything at once, from several threads, in real time: nothing may throw, hang or be left behind.</summary>
[TestFixture]
[Category("Lifetime")]
internal sealed class StormTests
{
    [Weakness(4)]
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public async Task Flows_and_sessions_of_all_fates_leave_nothing_behind(int seed)
    {
        NativeLibraryRequirement.Check();
        StormDialer dialer = new([]);
        FakePacketProxy proxy = new() { OnDatagram = StormDatagrams.EchoOrFail };
        await using LwipDevice device = new(dialer, proxy, new LwipDeviceOptions { UdpIdleTimeout = TimeSpan.FromMilliseconds(300), LingerTimeout = TimeSpan.FromSeconds(1) });
        PacketLink link = new(device);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => LiveAsync(link, new Random((seed * 100) + i), i)))).WaitAsync(TimeSpan.FromSeconds(60));

        await Eventually.HoldsAsync(() => device.GetStatistics() is { Sessions: 0, Flows: 0 }, "all flows and sessions are gone", 30_000);
        await Eventually.HoldsAsync(() => dialer.Upstreams.All(u => u.Disposals == 1), "every upstream disposed once");
        await Eventually.HoldsAsync(() => proxy.Sessions.All(s => s.Disposals == 1), "every sender disposed once");
        Assert.That((device.GetStatistics().Asserts, link.Completion.IsFaulted), Is.EqualTo((0L, false)));
    }

    [Weakness(4)]
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(4)]
    public async Task Disposing_in_the_middle_ends_everything(int seed)
    {
        NativeLibraryRequirement.Check();
        StormDialer dialer = new([]);
        FakePacketProxy proxy = new() { OnDatagram = StormDatagrams.EchoOrFail };
        LwipDevice device = new(dialer, proxy);
        PacketLink link = new(device);
        Task[] lives = [.. Enumerable.Range(0, 8).Select(i => Task.Run(() => LiveAsync(link, new Random((seed * 100) + i), i)))];
        await Task.Delay(50 * seed);
        await device.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(5));
        await link.Completion.WaitAsync(TimeSpan.FromSeconds(5));
        foreach (Task life in lives)
        {
            // What a life says when its device goes away is not of interest here, only that it ends.
            await life.WaitAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await Eventually.HoldsAsync(() => dialer.Upstreams.All(u => u.Disposals == 1), "every upstream disposed once");
        await Eventually.HoldsAsync(() => proxy.Sessions.All(s => s.Disposals == 1), "every sender disposed once");
        await Eventually.HoldsAsync(() => device.IsReleased, "release of the native stack");
    }

    private static async Task LiveAsync(PacketLink link, Random random, int number)
    {
        IPEndPoint server = IPEndPoint.Parse(number % 2 == 0 ? "192.0.2.1:80" : "[2001:db8::1]:80");
        IPAddress own = IPAddress.Parse(number % 2 == 0 ? "10.9.0.4" : "fd09::4");
        byte[] data = new byte[30_000];
        for (int i = 0; i < 60; i++)
        {
            byte[] datagram = new byte[1 + random.Next(3000)];
            random.NextBytes(datagram);
            if (datagram.Length <= 1400)
                link.Send(PacketBuilder.UdpDatagram(new IPEndPoint(own, 30_000 + (number * 10) + random.Next(10)), server, datagram));

            TcpPeer peer = link.CreatePeer(server, new IPEndPoint(own, 40_000 + (number * 100) + i));
            peer.AllowRetransmissions = true;
            if (!await peer.ConnectAsync(TimeSpan.FromSeconds(20)))
                continue;
            int fate = random.Next(5);
            try
            {
                if (fate != 0)
                    await peer.SendAsync(data.AsMemory(0, random.Next(data.Length)), TimeSpan.FromSeconds(20));
            }
            catch (IOException)
            {
                // Reset while sending: the upstream's fate.
            }

            switch (fate)
            {
                case 0 or 1:
                    peer.SendReset();
                    break;
                case 2:
                    peer.SendFin();
                    break;
                default:
                    peer.SendFin();
                    await peer.WaitAsync(() => peer.FinReceived || peer.WasReset || peer.LinkEnded, TimeSpan.FromSeconds(20));
                    break;
            }
        }
    }
}
