using System.Net;
using TunFlow.Network.Resolvers;

namespace TunFlow.Network.Tests;

internal sealed class DnsResponseParserTests
{
    private static readonly DnsQuestion s_question = new("www.example.com", DnsRecordType.A);
    private static readonly DnsQueryMessage s_query = new(s_question, 7);
    private static readonly byte[] s_address = [192, 0, 2, 1];

    [Test]
    public void An_answer_is_read_whole()
    {
        byte[] message = WireMessage.Header(7, flags: 0x85A0, answers: 3, authorities: 1, additionals: 2)
            .Question("WWW.example.com", 1)
            .Pointer(12).Record(5, [4, (byte)'h', (byte)'o', (byte)'s', (byte)'t', 0xC0, 16], timeToLive: 60)
            .Name("host.example.com").Record(1, s_address)
            .Name("host.example.com").Record(1, [192, 0, 2, 2], timeToLive: 0x80000000)
            .Pointer(16).Record(2, [2, (byte)'n', (byte)'s', 0xC0, 16])
            .Name("ns.example.com").Record(28, IPAddress.Parse("2001:db8::53").GetAddressBytes())
            .U8(0).Record(41, [1, 2, 3], timeToLive: 0, @class: 4096)
            .ToArray();
        DnsResponse response = Parse(message);
        Assert.Multiple(() =>
        {
            Assert.That(response.Question, Is.SameAs(s_question));
            Assert.That(response.ResponseCode, Is.EqualTo(DnsResponseCode.NoError));
            Assert.That((response.IsAuthoritative, response.IsTruncated, response.RecursionAvailable, response.AuthenticData), Is.EqualTo((true, false, true, true)));
            Assert.That(response.Answers.Select(record => record.ToString()), Is.EqualTo(new[]
            {
                "WWW.example.com Cname host.example.com", "host.example.com A 192.0.2.1", "host.example.com A 192.0.2.2",
            }));
            Assert.That(response.Answers.Select(record => record.TimeToLive.TotalSeconds), Is.EqualTo(new[] { 60, 300, 0 }));
            Assert.That(response.Authorities.Single().Data.ToArray(), Is.EqualTo(new DnsQuestion("ns.example.com", DnsRecordType.A).WireName), "written out");
            Assert.That(((DnsAddressRecord)response.Additionals.Single()).Address, Is.EqualTo(IPAddress.Parse("2001:db8::53")));
            Assert.That(response.GetAddresses(), Is.EqualTo(new[] { IPAddress.Parse("192.0.2.1"), IPAddress.Parse("192.0.2.2") }));
        });
    }

    [Test]
    public void Names_within_data_are_written_out()
    {
        byte[] ns = new DnsQuestion("ns.www.example.com", DnsRecordType.A).WireName;
        byte[] compressed = [2, (byte)'n', (byte)'s', 0xC0, 12];
        byte[] numbers = [.. Enumerable.Range(1, 20).Select(i => (byte)i)];
        byte[] message = WireMessage.Header(7, answers: 5)
            .Question("www.example.com", 1)
            .Pointer(12).Record(15, [0, 10, .. compressed])
            .Pointer(12).Record(33, [0, 1, 0, 2, 0, 53, .. compressed])
            .Pointer(12).Record(6, [.. compressed, 0, .. numbers])
            .Pointer(12).Record(12, compressed)
            .Pointer(12).Record(16, [3, 0xC0, 12, 0])
            .ToArray();
        Assert.That(Parse(message).Answers.Select(record => record.Data.ToArray()), Is.EqualTo(new byte[][]
        {
            [0, 10, .. ns], [0, 1, 0, 2, 0, 53, .. ns], [.. ns, 0, .. numbers], ns, [3, 0xC0, 12, 0],
        }));
    }

    [Test]
    public void Only_addresses_on_the_way_from_the_question_are_addresses()
    {
        byte[] message = WireMessage.Header(7, answers: 5)
            .Question("www.example.com", 1)
            .Name("other.example").Record(1, [192, 0, 2, 99])
            .Name("b.example").Record(1, [192, 0, 2, 1])
            .Name("a.example").Record(5, new DnsQuestion("B.example", DnsRecordType.A).WireName)
            .Pointer(12).Record(5, new DnsQuestion("a.example", DnsRecordType.A).WireName)
            .Name("b.example").Record(1, [192, 0, 2, 98], @class: 3)
            .ToArray();
        Assert.That(Parse(message).GetAddresses(), Is.EqualTo(new[] { IPAddress.Parse("192.0.2.1") }));
    }

    [Test]
    public void Aliases_in_a_circle_end()
    {
        byte[] message = WireMessage.Header(7, answers: 2)
            .Question("www.example.com", 1)
            .Pointer(12).Record(5, new DnsQuestion("a.example", DnsRecordType.A).WireName)
            .Name("a.example").Record(5, new DnsQuestion("www.example.com", DnsRecordType.A).WireName)
            .ToArray();
        Assert.That(Parse(message).GetAddresses(), Is.Empty);
    }

    [TestCase(0x8182, 0, DnsResponseCode.ServerFailure)]
    [TestCase(0x8183, 0, DnsResponseCode.NameError)]
    [TestCase(0x8180, 1, DnsResponseCode.BadVersion)]
    [TestCase(0x8187, 0xFF, (DnsResponseCode)0xFF7)]
    public void The_response_code_has_its_upper_bits_from_EDNS(int flags, int upper, DnsResponseCode expected)
    {
        byte[] message = WireMessage.Header(7, (ushort)flags, additionals: 1).Question("www.example.com", 1).U8(0).Record(41, [], (uint)upper << 24).ToArray();
        Assert.That(Parse(message).ResponseCode, Is.EqualTo(expected));
    }

    [TestCase(1, true)]
    [TestCase(4, true)]
    [TestCase(0, false)]
    [TestCase(2, false)]
    public void Only_a_server_that_does_not_understand_may_leave_the_question_out(int code, bool accepted)
    {
        byte[] message = WireMessage.Header(7, (ushort)(0x8180 | code), questions: 0).ToArray();
        Assert.That(DnsResponseParser.TryParse(message, s_query, out DnsResponse? response, out _), Is.EqualTo(accepted));
        Assert.That((int?)response?.ResponseCode, Is.EqualTo(accepted ? code : null));
    }

    [Test]
    public void Of_a_truncated_answer_that_was_cut_nothing_is_used()
    {
        byte[] message = WireMessage.Header(7, WireMessage.TruncatedAnswer, answers: 2).Question("www.example.com", 1).Pointer(12).Record(1, s_address).ToArray();
        DnsResponse response = Parse(message);
        Assert.That(response.IsTruncated, Is.True);
        Assert.That(response.Answers, Is.Empty);
    }

    [Test]
    public void Bytes_after_the_message_do_no_harm()
    {
        byte[] message = WireMessage.Header(7, answers: 1).Question("www.example.com", 1).Pointer(12).Record(1, s_address).Raw(1, 2, 3).ToArray();
        Assert.That(Parse(message).Answers, Has.Count.EqualTo(1));
    }

    public static IEnumerable<TestCaseData> Rejected()
    {
        static TestCaseData Case(string name, WireMessage message) => new TestCaseData(message.ToArray()).SetArgDisplayNames(name);
        static WireMessage Answers(int count = 1, int additionals = 0) =>
            WireMessage.Header(7, answers: (ushort)count, additionals: (ushort)additionals).Question("www.example.com", 1);

        yield return Case("nothing", new WireMessage());
        yield return Case("11 bytes", new WireMessage().Raw(new byte[11]));
        yield return Case("another id", WireMessage.Header(8).Question("www.example.com", 1));
        yield return Case("a query", WireMessage.Header(7, flags: 0x0100).Question("www.example.com", 1));
        yield return Case("another opcode", WireMessage.Header(7, flags: 0xA180).Question("www.example.com", 1));
        yield return Case("another name", WireMessage.Header(7).Question("www.example.org", 1));
        yield return Case("a longer name", WireMessage.Header(7).Question("www.example.com.au", 1));
        yield return Case("another type", WireMessage.Header(7).Question("www.example.com", 28));
        yield return Case("another class", WireMessage.Header(7).Question("www.example.com", 1, 3));
        yield return Case("two questions", WireMessage.Header(7, questions: 2).Question("www.example.com", 1).Question("www.example.com", 1));
        yield return Case("no question", WireMessage.Header(7, questions: 0));
        yield return Case("a question cut short", WireMessage.Header(7).Name("www.example.com").U16(1).U8(0));
        yield return Case("a missing record", Answers());
        yield return Case("a record cut short", Answers().Pointer(12).U16(1).U16(1).U32(1));
        yield return Case("data beyond the end", Answers().Pointer(12).Record(1, s_address, length: 5));
        yield return Case("65,535 records", WireMessage.Header(7, answers: 0xFFFF).Question("www.example.com", 1));
        yield return Case("an IPv4 address of 3 bytes", Answers().Pointer(12).Record(1, [1, 2, 3]));
        yield return Case("an IPv4 address of 16 bytes", Answers().Pointer(12).Record(1, new byte[16]));
        yield return Case("an IPv6 address of 4 bytes", Answers().Pointer(12).Record(28, s_address));
        yield return Case("an alias of nothing", Answers().Pointer(12).Record(5, []));
        yield return Case("an alias that ends early", Answers().Pointer(12).Record(5, [1, (byte)'a', 0, 0]));
        yield return Case("an alias into the next record", Answers().Pointer(12).Record(5, [1, (byte)'a', 0], length: 2));
        yield return Case("a mail server without a name", Answers().Pointer(12).Record(15, [0]));
        yield return Case("a pointer to itself", Answers().Pointer(33).Record(1, s_address));
        yield return Case("a pointer forwards", Answers().Pointer(40).Record(1, s_address));
        yield return Case("a pointer into the header", Answers().Pointer(4).Record(1, s_address));
        yield return Case("a pointer beyond the end", Answers().Pointer(0x3FFF).Record(1, s_address));
        yield return Case("a pointer cut short", WireMessage.Header(7).Raw(0xC0));
        yield return Case("a loop of two", Answers().U8(1).U8('a').Pointer(33).Record(1, s_address));
        yield return Case("a label of a reserved kind", Answers().U8(0x40).U8(0).Record(1, s_address));
        yield return Case("a label beyond the end", Answers().U8(63).U8('a'));
        yield return Case("two EDNS records", Answers(0, 2).U8(0).Record(41, []).U8(0).Record(41, []));
        yield return Case("an EDNS record with a name", Answers(0, 1).Pointer(12).Record(41, []));
        yield return Case("an EDNS record among the answers", Answers().U8(0).Record(41, []));
    }

    [TestCaseSource(nameof(Rejected))]
    public void Rejected_is(byte[] message)
    {
        Assert.That(DnsResponseParser.TryParse(message, s_query, out DnsResponse? response, out string problem), Is.False);
        Assert.That(response, Is.Null);
        Assert.That(problem, Is.Not.Empty);
    }

    [Test]
    public void A_name_of_256_bytes_by_compression_is_rejected()
    {
        // 63 + 63 + 63 bytes and the question's name of 17: 64 * 3 + 17 = 209; with 46 more bytes it is 255, with 47 it is not a name.
        static byte[] Message(int last) => WireMessage.Header(7, answers: 1).Question("www.example.com", 1)
            .Name($"{new string('a', 63)}.{new string('b', 63)}.{new string('c', 63)}.{new string('d', last)}").Raw()
            .ToArray();

        byte[] fits = [.. Message(45)[..^1], 0xC0, 12, .. new WireMessage().Record(1, s_address).ToArray()];
        byte[] tooLong = [.. Message(46)[..^1], 0xC0, 12, .. new WireMessage().Record(1, s_address).ToArray()];
        Assert.That(Parse(fits).Answers[0].Name, Has.Length.EqualTo(253));
        Assert.That(DnsResponseParser.TryParse(tooLong, s_query, out _, out _), Is.False);
    }

    [Test]
    public void A_chain_of_pointers_is_followed_127_times()
    {
        static byte[] Message(int jumps)
        {
            // An unknown record whose data is a row of pointers, each to the one before; the next record's name is the last one.
            WireMessage data = new();
            int start = 33 + 12;
            data.Pointer(12);
            for (int i = 1; i < jumps - 1; i++)
            {
                data.Pointer(start + (2 * (i - 1)));
            }

            return WireMessage.Header(7, answers: 2).Question("www.example.com", 1)
                .Pointer(12).Record(999, data.ToArray())
                .Pointer(start + (2 * (jumps - 2))).Record(1, s_address)
                .ToArray();
        }

        Assert.That(Parse(Message(127)).Answers[1].Name, Is.EqualTo("www.example.com"));
        Assert.That(DnsResponseParser.TryParse(Message(128), s_query, out _, out _), Is.False);
    }

    [Test]
    public void Names_of_any_bytes_are_written_with_escapes()
    {
        byte[] message = WireMessage.Header(7, answers: 1).Question("www.example.com", 1).U8(5).Raw((byte)'.', (byte)'\\', 0, 255, (byte)' ').Pointer(12).Record(1, s_address).ToArray();
        Assert.That(Parse(message).Answers[0].Name, Is.EqualTo(@"\.\\\000\255\032.www.example.com"));
    }

    private static DnsResponse Parse(byte[] message)
    {
        Assert.That(DnsResponseParser.TryParse(message, s_query, out DnsResponse? response, out string problem), Is.True, problem);
        return response!;
    }
}
