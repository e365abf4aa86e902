using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Sessions;

/// <summary>Refused datagrams are ICMP errors to the application, so that it falls back at once; within a rate.</summary>
[TestFixture(4)]
[TestFixture(6)]
internal sealed class RefusalTests(int family) : DeviceFixture
{
    private const int PerSecond = 100;

    private readonly IPEndPoint _app = IPEndPoint.Parse(family == 4 ? "10.9.0.2:5000" : "[fd09::2]:5000");

    private IPEndPoint Server => family == 4 ? Server4 : Server6;

    [Test, Weakness(21)]
    public async Task A_refused_datagram_is_port_unreachable_that_quotes_it()
    {
        Proxy.OnDatagram = static (_, _, _) => throw new NetworkException(NetworkError.PortUnreachable);
        byte[] datagram = PacketBuilder.UdpDatagram(_app, Server, "QUIC"u8);

        Link.Send([.. datagram]);

        // No time passes: the application falls back at once.
        ParsedPacket error = await Link.NextAsync();
        Assert.That((error.IcmpType, error.IcmpCode), Is.EqualTo(family == 4 ? ((byte)3, (byte)3) : ((byte)1, (byte)4)));
        Assert.That((error.Source.Address, error.Destination.Address), Is.EqualTo((Server.Address, _app.Address)));
        // RFC 1122 section 3.2.2: the header and at least 8 bytes; what the socket is found by, and whose payload it was.
        int header = family == 4 ? 20 : 40;
        Assert.That(error.Payload[header..].ToArray(), Is.EqualTo(datagram[header..]));
        Assert.That(error.Payload.Slice(header - (family == 4 ? 8 : 32), family == 4 ? 8 : 32).ToArray(), Is.EqualTo(new[] { _app, Server }.SelectMany(static end => end.Address.GetAddressBytes())));
        Assert.That(Time.Elapsed, Is.EqualTo(TimeSpan.Zero));
    }

    [Test, Weakness(21), Weakness(31)]
    public async Task Of_a_flood_as_many_as_the_rate_allows_are_sent_and_the_rest_is_counted()
    {
        const int flood = 500;
        Proxy.OnDatagram = static (_, _, _) => throw new NetworkException(NetworkError.PortUnreachable);
        for (int second = 1; second <= 3; second++)
        {
            for (int i = 0; i < flood; i++)
                Link.Send(PacketBuilder.UdpDatagram(_app, Server, [1]));
            await Eventually.HoldsAsync(() => Statistics.DatagramsFailed + Statistics.Drops[PacketDropReason.SessionQueue] == flood * second, "all of them");

            int refused = (int)(Statistics.DatagramsFailed - (PerSecond * second));
            await Eventually.HoldsAsync(() => Link.PacketCount == PerSecond * second, "the errors of this second");
            Assert.That((Statistics.PacketsOut, Statistics.Drops[PacketDropReason.IcmpLimit]), Is.EqualTo(((long)PerSecond * second, (long)refused)));
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.That((Proxy.Calls, Statistics.Sessions), Is.EqualTo((1, 1)));
    }

    [TestCase(NetworkError.ProtocolViolation), Weakness(21)]
    [TestCase(NetworkError.MessageTooLarge)]
    [TestCase(NetworkError.TimedOut)]
    public async Task An_error_that_says_nothing_about_the_destination_says_nothing_to_the_application(NetworkError error)
    {
        Proxy.OnDatagram = (_, _, _) => throw new NetworkException(error);
        Link.Send(PacketBuilder.UdpDatagram(_app, Server, [1]));
        await Eventually.HoldsAsync(() => Statistics.DatagramsFailed == 1, "the failure");
        Proxy.OnDatagram = null;

        Link.Send(PacketBuilder.UdpDatagram(_app, Server, [2]));

        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo(new byte[] { 2 }));
    }
}
