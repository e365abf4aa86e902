using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>How long UDP sessions live, to the millisecond of the virtual clock.</summary>
[TestFixture]
internal sealed class SessionTimeTests : DeviceFixture
{
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(1);
    private static readonly IPEndPoint s_app = IPEndPoint.Parse("10.9.0.2:5000");
    private static readonly IPEndPoint s_resolver = IPEndPoint.Parse("9.9.9.9:53");

    [TestCase(53, 10)]
    [TestCase(443, 60)]
    [AcceptanceRow(27)]
    public async Task A_session_ends_exactly_its_timeout_after_the_answer(int port, int seconds)
    {
        TaskCompletionSource answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Proxy.OnDatagram = async (session, payload, destination) =>
        {
            await answer.Task;
            await session.Receiver.WriteFromAsync(payload, destination);
        };
        Link.Send(PacketBuilder.UdpDatagram(s_app, new IPEndPoint(s_resolver.Address, port), "query"u8));
        await Eventually.HoldsAsync(() => Proxy.Sessions.Any(static session => !session.Received.IsEmpty), "the query");
        Time.Advance(TimeSpan.FromSeconds(3));
        answer.SetResult();
        await Link.NextAsync();

        Time.Advance(TimeSpan.FromSeconds(seconds) - s_tick);
        Assert.That(Statistics.Sessions, Is.EqualTo(1), "a tick before its time");
        Time.Advance(2 * s_tick);
        // In real time: the clock stands still a tick after the session's end.
        await Eventually.HoldsAsync(() => Statistics.Sessions == 0 && Proxy.Sessions.Single().Disposals == 1, "the session's end and the disposal of its sender");
        Assert.That(Time.ActiveTimers, Is.Zero);
    }

    [Test]
    [AcceptanceRow(27)]
    public async Task Traffic_of_either_direction_keeps_a_session_and_another_destination_makes_one_of_a_resolver_ordinary()
    {
        Proxy.OnDatagram = static (_, _, _) => ValueTask.CompletedTask;
        Link.Send(PacketBuilder.UdpDatagram(s_app, s_resolver, "query"u8));
        await Eventually.HoldsAsync(() => Statistics.DatagramsUp == 1, "the query");
        FakeSession session = Proxy.Sessions.Single();
        for (int i = 0; i < 5; i++)
        {
            Time.Advance(TimeSpan.FromSeconds(10) - s_tick);
            await session.Receiver.WriteFromAsync("answer"u8.ToArray(), s_resolver);
        }

        Link.Send(PacketBuilder.UdpDatagram(s_app, Server4, "data"u8));
        await Eventually.HoldsAsync(() => Statistics.DatagramsUp == 2, "the datagram");
        Time.Advance(TimeSpan.FromSeconds(60) - s_tick);
        Assert.That(Statistics.Sessions, Is.EqualTo(1));
        Time.Advance(2 * s_tick);
        await Eventually.HoldsAsync(() => Statistics.Sessions == 0, "the session's end");
        Assert.That(Proxy.Calls, Is.EqualTo(1));
    }

    [Test]
    [AcceptanceRow(27)]
    public async Task Configured_timeouts_hold_to_the_tick()
    {
        LwipDeviceOptions options = new() { TimeProvider = Time, UdpIdleTimeout = TimeSpan.FromMilliseconds(12_345), DnsIdleTimeout = TimeSpan.FromMilliseconds(678) };
        await using LwipDevice device = new(Dialer, Proxy, options);
        PacketLink link = new(device);
        foreach ((int port, TimeSpan timeout) in new[] { (53, options.DnsIdleTimeout), (123, options.UdpIdleTimeout) })
        {
            link.Send(PacketBuilder.UdpDatagram(s_app, new IPEndPoint(s_resolver.Address, port), "x"u8));
            await link.NextAsync();
            Time.Advance(timeout - s_tick);
            Assert.That(device.GetStatistics().Sessions, Is.EqualTo(1));
            Time.Advance(2 * s_tick);
            await Eventually.HoldsAsync(() => device.GetStatistics().Sessions == 0, "the session's end");
        }
    }
}
