using System.Net;
using System.Net.Sockets;
using TunFlow.Network.Resolvers;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Over real sockets.</summary>
internal sealed class UdpResolverTests
{
    private static readonly DnsQuestion s_question = new("host.example", DnsRecordType.A);

    [TestCase("127.0.0.1", "192.0.2.1", DnsRecordType.A)]
    [TestCase("127.0.0.1", "2001:db8::1", DnsRecordType.Aaaa)]
    [TestCase("::1", "192.0.2.1", DnsRecordType.A)]
    public async Task A_query_is_answered(string server, string address, DnsRecordType type)
    {
        byte[]? seen = null;
        await using UdpServer udp = new(
            (query, _) =>
            {
                seen = query;
                return [WireMessage.AnswerTo(query, address)];
            },
            IPAddress.Parse(server));
        DnsResponse response = await new UdpResolver(udp.EndPoint).QueryAsync(new DnsQuestion("host.example", type));
        Assert.That(response.GetAddresses(), Is.EqualTo(new[] { IPAddress.Parse(address) }));
        Assert.That(seen![2..], Is.EqualTo(new DnsQueryMessage(new DnsQuestion("host.example", type), 0).Message[2..].ToArray()));
    }

    [Test]
    public async Task An_IPv4_server_in_its_IPv6_form_is_heard()
    {
        await using UdpServer udp = new((query, _) => [WireMessage.AnswerTo(query, "192.0.2.1")]);
        UdpResolver resolver = new(new IPEndPoint(udp.EndPoint.Address.MapToIPv6(), udp.EndPoint.Port));
        Assert.That((await resolver.QueryAsync(s_question)).Answers, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Each_query_has_a_socket_of_its_own_and_another_id()
    {
        HashSet<int> ids = [];
        HashSet<int> ports = [];
        UdpServer? server = null;
        await using UdpServer udp = server = new((query, _) =>
        {
            ids.Add((query[0] << 8) | query[1]);
            ports.Add(server!.LastClient!.Port);
            return [WireMessage.AnswerTo(query, "192.0.2.1")];
        });
        UdpResolver resolver = new(udp.EndPoint);
        for (int i = 0; i < 20; i++)
        {
            await resolver.QueryAsync(s_question);
        }

        Assert.That(ids, Has.Count.GreaterThan(10));
        Assert.That(ports, Has.Count.GreaterThan(10));
    }

    [Test]
    public async Task Everything_but_the_answer_is_ignored()
    {
        await using UdpServer udp = new((query, _) =>
        {
            byte[] right = WireMessage.AnswerTo(query, "192.0.2.1");
            byte[] wrong = WireMessage.AnswerTo(query, "192.0.2.66");
            byte[] otherId = [(byte)(wrong[0] ^ 1), .. wrong[1..]];
            byte[] otherName = [.. wrong[..13], (byte)'j', .. wrong[14..]];
            byte[] otherType = [.. wrong[..27], 28, .. wrong[28..]];
            return [[], [1, 2, 3], query, otherId, otherName, otherType, wrong[..^1], new byte[65_000], right, wrong];
        });
        DnsResponse response = await new UdpResolver(udp.EndPoint).QueryAsync(s_question);
        Assert.That(response.GetAddresses(), Is.EqualTo(new[] { IPAddress.Parse("192.0.2.1") }));
        Assert.That(udp.Queries, Is.EqualTo(1));
    }

    [Test]
    public async Task Answers_from_elsewhere_are_ignored()
    {
        using Socket stranger = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        stranger.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        UdpServer? server = null;
        await using UdpServer udp = server = new((query, _) =>
        {
            stranger.SendTo(WireMessage.AnswerTo(query, "192.0.2.66"), new IPEndPoint(IPAddress.Loopback, server!.LastClient!.Port));
            return [WireMessage.AnswerTo(query, "192.0.2.1")];
        });
        DnsResponse response = await new UdpResolver(udp.EndPoint).QueryAsync(s_question);
        Assert.That(response.GetAddresses(), Is.EqualTo(new[] { IPAddress.Parse("192.0.2.1") }));
    }

    [Test]
    public async Task A_name_in_another_case_is_the_same_name_unless_the_case_is_random()
    {
        await using UdpServer udp = new((query, _) =>
        {
            // Every letter in the case that it was not sent in.
            byte[] answer = WireMessage.AnswerTo(query, "192.0.2.1");
            for (int i = 13; i < 25; i++)
            {
                answer[i] ^= (byte)(char.IsAsciiLetter((char)answer[i]) ? 0x20 : 0);
            }

            return [answer];
        });
        Assert.That((await new UdpResolver(udp.EndPoint).QueryAsync(s_question)).Answers, Has.Count.EqualTo(1));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () =>
            await new UdpResolver(udp.EndPoint) { RandomizeCase = true, Timeout = TimeSpan.FromMilliseconds(200) }.QueryAsync(new DnsQuestion("host.example", DnsRecordType.A)));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.TimedOut));
        await using UdpServer honest = new((query, _) => [WireMessage.AnswerTo(query, "192.0.2.1")]);
        Assert.That((await new UdpResolver(honest.EndPoint) { RandomizeCase = true }.QueryAsync(s_question)).Answers, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_refused_port_is_told_at_once()
    {
        Assume.That(OperatingSystem.IsLinux(), Is.True, "elsewhere an unconnected socket doesn't hear of it");
        using Socket taken = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await new UdpResolver((IPEndPoint)taken.LocalEndPoint!).QueryAsync(s_question));
        Assert.That(exception.Stage, Is.EqualTo(DnsStage.Receive));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.PortUnreachable));
    }

    [Test]
    public async Task A_truncated_answer_is_asked_for_again_over_TCP_through_the_same_configurator()
    {
        await using StreamServer tcp = StreamServer.OfDns(query => StreamServer.Framed(WireMessage.AnswerTo(query, "192.0.2.1", "192.0.2.2")));
        using Socket udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        udp.Bind(tcp.EndPoint);
        Task answering = Task.Run(() =>
        {
            byte[] buffer = new byte[512];
            EndPoint client = new IPEndPoint(IPAddress.Any, 0);
            int length = udp.ReceiveFrom(buffer, ref client);
            udp.SendTo(WireMessage.Reply(buffer.AsSpan(0, length), WireMessage.TruncatedAnswer), client);
        });
        List<SocketType> configured = [];
        DnsResponse response = await new UdpResolver(tcp.EndPoint, (socket, _) => configured.Add(socket.SocketType)).QueryAsync(s_question);
        Assert.That(response.Answers, Has.Count.EqualTo(2));
        Assert.That(response.IsTruncated, Is.False);
        Assert.That(configured, Is.EqualTo(new[] { SocketType.Dgram, SocketType.Stream }));
        await answering;
    }

    [Test]
    public async Task Without_a_fallback_a_truncated_answer_is_the_answer()
    {
        await using UdpServer udp = new((query, _) => [WireMessage.Reply(query, WireMessage.TruncatedAnswer, "192.0.2.1")]);
        DnsResponse response = await new UdpResolver(udp.EndPoint) { TruncationFallback = null }.QueryAsync(s_question);
        Assert.That(response.IsTruncated, Is.True);
        Assert.That(response.Answers, Has.Count.EqualTo(1));
    }

    [TestCase(1)]
    [TestCase(4)]
    public async Task A_server_that_does_not_understand_EDNS_is_asked_without(int code)
    {
        List<byte[]> queries = [];
        await using UdpServer udp = new((query, number) =>
        {
            queries.Add(query);
            return [number == 1 ? WireMessage.Header((ushort)((query[0] << 8) | query[1]), (ushort)(0x8180 | code), questions: 0).ToArray() : WireMessage.AnswerTo(query, "192.0.2.1")];
        });
        DnsResponse response = await new UdpResolver(udp.EndPoint).QueryAsync(s_question);
        Assert.That(response.Answers, Has.Count.EqualTo(1));
        Assert.That(queries.Select(query => query[11]), Is.EqualTo(new[] { 1, 0 }), "additional records");
    }

    [Test]
    public async Task An_answer_of_60_kilobytes_arrives_whole()
    {
        await using UdpServer udp = new((query, _) => [WireMessage.AnswerTo(query, [.. Enumerable.Range(0, 3700).Select(i => $"10.0.{i / 256}.{i % 256}")])]);
        Assert.That((await new UdpResolver(udp.EndPoint).QueryAsync(s_question)).GetAddresses(), Has.Length.EqualTo(3700));
    }

    [Test]
    public async Task Queries_run_side_by_side()
    {
        await using UdpServer udp = new((query, _) => [WireMessage.AnswerTo(query, WireMessage.TypeOf(query) == 1 ? "192.0.2.1" : "2001:db8::1")]);
        UdpResolver resolver = new(udp.EndPoint);
        IPAddress[][] all = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => resolver.LookUpAddressesAsync("host.example").AsTask()));
        Assert.That(all, Is.All.EqualTo(new[] { IPAddress.Parse("2001:db8::1"), IPAddress.Parse("192.0.2.1") }));
    }

    [Test]
    public async Task A_configurator_that_throws_fails_the_dial()
    {
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () =>
            await new UdpResolver(new IPEndPoint(IPAddress.Loopback, 53), (_, _) => throw new InvalidOperationException("no protection")).QueryAsync(s_question));
        Assert.That(exception.Stage, Is.EqualTo(DnsStage.Dial));
    }
}
