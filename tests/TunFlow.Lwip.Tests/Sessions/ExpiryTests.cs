using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Sessions;

/// <summary>The moment at which a session has idled long enough, to the microsecond, and who meets it.</summary>
[TestFixture]
internal sealed class ExpiryTests : DeviceFixture
{
    private static readonly IPEndPoint s_app = IPEndPoint.Parse("10.9.0.2:5000");
    private static readonly IPEndPoint s_resolver = IPEndPoint.Parse("9.9.9.9:53");
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan s_dnsIdle = TimeSpan.FromSeconds(7);
    private static readonly TimeSpan s_tick = TimeSpan.FromMicroseconds(1);

    protected override LwipDeviceOptions Options => new() { UdpIdleTimeout = s_idle, DnsIdleTimeout = s_dnsIdle };

    [TestCase(80), Weakness(29), AcceptanceRow(27)]
    [TestCase(53)]
    public async Task A_packet_that_meets_the_expiry_is_never_lost(int port)
    {
        IPEndPoint server = new(s_resolver.Address, port);
        TimeSpan idle = port == 53 ? s_dnsIdle : s_idle;
        await EchoAsync(server);

        // A moment before it the session lives on; the timer that was set for the old moment must not end it.
        Time.Advance(idle - s_tick);
        await EchoAsync(server);
        Assert.That((Proxy.Calls, Statistics.Sessions), Is.EqualTo((1, 1)));

        // At the very moment it opens the next one, whether the timer comes first or the packet: here the packet.
        Time.Jump(idle);
        await EchoAsync(server);
        await Eventually.HoldsAsync(() => Proxy.Sessions.First().Disposals == 1, "the end of the first");

        // Here the timer.
        Time.Advance(idle);
        await EchoAsync(server);
        await Eventually.HoldsAsync(() => Statistics.DatagramsUp == 4, "the count");
        Assert.That(Statistics.DatagramsFailed + Statistics.Drops.Total, Is.Zero);
        Assert.That(Statistics.Sessions, Is.EqualTo(1));
        Assert.That(Proxy.Calls, Is.EqualTo(3));
    }

    [TestCase(80, 40), Weakness(29), AcceptanceRow(27)]
    [TestCase(53, 7)]
    public async Task A_session_ends_at_its_moment_and_not_before(int port, int seconds)
    {
        await EchoAsync(new IPEndPoint(s_resolver.Address, port));
        // The answer, too, was at this time.
        Time.Advance(TimeSpan.FromSeconds(seconds) - s_tick);
        await Task.Delay(5);
        Assert.That((Statistics.Sessions, Proxy.Sessions.Single().Disposals), Is.EqualTo((1, 0)));

        // Timers have milliseconds.
        Time.Advance(TimeSpan.FromMilliseconds(1));

        await Eventually.HoldsAsync(() => Statistics.Sessions == 0 && Proxy.Sessions.Single().Disposals == 1, "the end");
        Assert.That(Time.ActiveTimers, Is.Zero);
    }

    [Test, Weakness(29)]
    public async Task Answers_count_as_activity()
    {
        await EchoAsync(Server4);
        IPacketResponseReceiver receiver = Proxy.Sessions.Single().Receiver;
        for (int i = 0; i < 5; i++)
        {
            Time.Advance(s_idle - s_tick);
            await receiver.WriteFromAsync(new byte[1], Server4);
            await Link.NextAsync();
        }

        Assert.That((Proxy.Calls, Statistics.Sessions), Is.EqualTo((1, 1)));
    }

    [Test, Weakness(29)]
    public async Task The_first_other_destination_gives_a_name_servers_session_the_time_of_others()
    {
        await EchoAsync(s_resolver);
        await EchoAsync(Server4);
        await EchoAsync(s_resolver);
        Time.Advance(s_dnsIdle + TimeSpan.FromSeconds(1));
        await Task.Delay(5);
        Assert.That(Statistics.Sessions, Is.EqualTo(1));
        Time.Advance(s_idle - s_dnsIdle);
        await Eventually.HoldsAsync(() => Statistics.Sessions == 0, "the end");
    }

    [Test, Weakness(29)]
    public async Task Of_packets_and_expiries_in_a_race_no_packet_is_lost()
    {
        const int rounds = 300;
        for (int i = 1; i <= rounds; i++)
        {
            // The session of the round before, or none, is a moment away from its end.
            Time.Advance(s_idle - TimeSpan.FromMilliseconds(1));
            Task expiry = Task.Run(() =>
            {
                Thread.SpinWait(i);
                Time.Advance(TimeSpan.FromMilliseconds(1));
            });
            Link.Send(PacketBuilder.UdpDatagram(s_app, Server4, [(byte)i]));
            await expiry;
            Assert.That((await Link.NextAsync()).Payload.Span[0], Is.EqualTo((byte)i), $"round {i}");
        }

        Assert.That(Statistics.Drops.Total, Is.Zero);
        await Eventually.HoldsAsync(() => Statistics.DatagramsUp == rounds, "the count");
        TestContext.Out.WriteLine($"{Proxy.Calls} sessions for {rounds} packets");
    }

    private async Task EchoAsync(IPEndPoint server)
    {
        Link.Send(PacketBuilder.UdpDatagram(s_app, server, [1]));
        Assert.That((await Link.NextAsync()).Source, Is.EqualTo(server));
    }
}
