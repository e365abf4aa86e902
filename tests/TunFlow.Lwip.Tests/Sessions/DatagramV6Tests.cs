using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Sessions;

/// <summary>UDP over IPv6, at an ordinary MTU: answers arrive, large ones in fragments, and what can't be delivered is an error to its sender.</summary>
[TestFixture]
internal sealed class DatagramV6Tests : DeviceFixture
{
    private static readonly IPEndPoint s_app = IPEndPoint.Parse("[fd09::2]:5000");
    private static readonly IPEndPoint s_resolver = IPEndPoint.Parse("[2001:4860:4860::8888]:53");

    [Test, Weakness(2), Weakness(31)]
    public async Task An_echo_over_IPv6_arrives_and_is_counted()
    {
        byte[] payload = new byte[1200];
        new Random(2).NextBytes(payload);

        Link.Send(PacketBuilder.UdpDatagram(s_app, Server6, payload));

        ParsedPacket answer = await Link.NextAsync();
        Assert.That((answer.Source, answer.Destination), Is.EqualTo((Server6, s_app)));
        Assert.That(answer.Payload.Span.SequenceEqual(payload), Is.True);
        await Eventually.HoldsAsync(() => Statistics is { DatagramsUp: 1, DatagramsDown: 1 }, "the counts");
        LwipStatistics statistics = Statistics;
        Assert.That((statistics.DatagramsUp, statistics.DatagramsDown, statistics.SessionsOpened, statistics.Sessions), Is.EqualTo((1L, 1L, 1L, 1)));
        Assert.That((statistics.BytesIn, statistics.BytesOut, statistics.Drops.Total), Is.EqualTo((1248L, 1248L, 0L)));
    }

    [Test, Weakness(2)]
    public async Task A_query_over_IPv6_is_answered_by_the_resolver_it_went_to()
    {
        byte[] query = Convert.FromHexString("123401200001000000000000" + "076578616D706C6503636F6D00001C0001");
        Proxy.OnDatagram = static (session, payload, destination) =>
        {
            byte[] answer = [.. payload.Span, 0xC0, 0x0C, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, .. IPAddress.Parse("2001:db8::1").GetAddressBytes()];
            (answer[2], answer[7]) = (0x81, 1);
            return session.Receiver.WriteFromAsync(answer, destination);
        };

        Link.Send(PacketBuilder.UdpDatagram(s_app, s_resolver, query));

        ParsedPacket response = await Link.NextAsync();
        Assert.That((response.Source, response.Payload.Length), Is.EqualTo((s_resolver, query.Length + 28)));
        Assert.That(new IPAddress(response.Payload.Span[^16..]), Is.EqualTo(IPAddress.Parse("2001:db8::1")));
    }

    [TestCase(1453), Weakness(2)]
    [TestCase(4000)]
    [TestCase(65_487)]
    public async Task An_answer_larger_than_the_MTU_comes_in_fragments_that_make_it_whole(int length)
    {
        byte[] payload = new byte[length];
        new Random(length).NextBytes(payload);
        Proxy.OnDatagram = (session, _, destination) => session.Receiver.WriteFromAsync(payload, destination);

        Link.Send(PacketBuilder.UdpDatagram(s_app, Server6, [1]));

        List<byte[]> fragments = [];
        byte[]? whole = null;
        while (whole is null)
        {
            ParsedPacket fragment = await Link.NextAsync();
            Assert.That(fragment.IsFragment && fragment.Raw.Length <= 1500, Is.True, fragment.ToString());
            fragments.Add(fragment.Raw);
            whole = FragmentsV6.Join(fragments);
        }

        // Verifies lengths and checksum.
        ParsedPacket answer = ParsedPacket.Parse(whole);
        Assert.That((answer.Source, answer.Destination), Is.EqualTo((Server6, s_app)));
        Assert.That(answer.Payload.Span.SequenceEqual(payload), Is.True);
        Assert.That(fragments, Has.Count.GreaterThan(1));
    }

    [TestCase(false), Weakness(2)]
    [TestCase(true)]
    public async Task A_datagram_in_fragments_reaches_the_proxy_whole(bool reversed)
    {
        byte[] payload = new byte[5000];
        new Random(3).NextBytes(payload);
        Proxy.OnDatagram = static (_, _, _) => ValueTask.CompletedTask;
        IEnumerable<byte[]> fragments = FragmentsV6.Split(PacketBuilder.UdpDatagram(s_app, Server6, payload), 1400, 9);

        foreach (byte[] fragment in reversed ? fragments.Reverse() : fragments)
            Link.Send(fragment);

        await Eventually.HoldsAsync(() => Proxy.Sessions.TryPeek(out FakeSession? session) && session.Received.Count == 1, "the datagram");
        (byte[] received, IPEndPoint destination) = Proxy.Sessions.Single().Received.Single();
        Assert.That((destination, received.AsSpan().SequenceEqual(payload)), Is.EqualTo((Server6, true)));
    }

    [Test, Weakness(2)]
    public async Task An_answer_that_cannot_be_delivered_is_an_error_and_is_not_counted_as_delivered()
    {
        Link.Send(PacketBuilder.UdpDatagram(s_app, Server6, [1]));
        await Link.NextAsync();
        FakeSession session = Proxy.Sessions.Single();
        IPacketResponseReceiver receiver = session.Receiver;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Sending(1, IPEndPoint.Parse("192.0.2.1:53")), Throws.TypeOf<NetworkException>().With.Property("Error").EqualTo(NetworkError.AddressNotAvailable), "the other family");
            Assert.That(Sending(1, IPEndPoint.Parse("[ff02::1]:53")), Throws.TypeOf<NetworkException>().With.Property("Error").EqualTo(NetworkError.AddressNotAvailable), "multicast");
            Assert.That(Sending(1, IPEndPoint.Parse("[::]:53")), Throws.TypeOf<NetworkException>().With.Property("Error").EqualTo(NetworkError.AddressNotAvailable), "unspecified");
            Assert.That(Sending(1, new IPEndPoint(Server6.Address, 0)), Throws.TypeOf<NetworkException>().With.Property("Error").EqualTo(NetworkError.AddressNotAvailable), "port 0");
            Assert.That(Sending(65_488, Server6), Throws.TypeOf<NetworkException>().With.Property("Error").EqualTo(NetworkError.MessageTooLarge), "one byte more than IPv6 carries here");
            Assert.That(Statistics.DatagramsDown, Is.EqualTo(1));
        }

        Device.AbortAll();
        await Eventually.HoldsAsync(() => Statistics.Sessions == 0, "the end of the session");
        Assert.That(Sending(1, Server6), Throws.InstanceOf<ObjectDisposedException>().Or.TypeOf<NetworkException>().With.Property("Error").EqualTo(NetworkError.Closed));
        Assert.That(Statistics.DatagramsDown, Is.EqualTo(1));

        Func<Task> Sending(int length, IPEndPoint source) => async () => await receiver.WriteFromAsync(new byte[length], source);
    }
}
