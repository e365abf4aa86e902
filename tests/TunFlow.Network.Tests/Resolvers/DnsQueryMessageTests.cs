using TunFlow.Network.Resolvers;

namespace TunFlow.Network.Tests;

internal sealed class DnsQueryMessageTests
{
    private static readonly DnsQuestion s_question = new("example.com", DnsRecordType.Aaaa);

    [Test]
    public void A_query_has_exactly_these_bytes()
    {
        byte[] expected = WireMessage.Header(0x1234, flags: 0x0100, additionals: 1)
            .Question("example.com", 28)
            .U8(0).U16(41).U16(1232).U32(0).U16(0)
            .ToArray();
        Assert.That(new DnsQueryMessage(s_question, 0x1234).Message.ToArray(), Is.EqualTo(expected));
    }

    [Test]
    public void A_query_without_EDNS_has_exactly_these_bytes()
    {
        byte[] expected = WireMessage.Header(0xFFFF, flags: 0x0100).Question("example.com", 28).ToArray();
        Assert.That(new DnsQueryMessage(s_question, 0xFFFF, edns: false).Message.ToArray(), Is.EqualTo(expected));
    }

    [Test]
    public void Padded_queries_of_any_name_have_a_multiple_of_128_bytes()
    {
        foreach (int label in Enumerable.Range(1, 63))
        {
            DnsQuestion question = new($"{new string('a', label)}.{new string('b', label)}.example", DnsRecordType.A);
            byte[] message = new DnsQueryMessage(question, 0, paddedTo: 128).Message.ToArray();
            Assert.That(message.Length % 128, Is.Zero);
            Assert.That(message.Length, Is.LessThanOrEqualTo(256));
            int options = 12 + question.WireName.Length + 4 + 11;
            byte[] padding = WireMessage.Header(0).Raw(message.AsSpan(options)).ToArray()[12..];
            Assert.That(padding[..2], Is.EqualTo(new byte[] { 0, 12 }));
            Assert.That((padding[2] << 8) | padding[3], Is.EqualTo(padding.Length - 4));
            Assert.That((message[options - 2] << 8) | message[options - 1], Is.EqualTo(padding.Length));
        }
    }

    [Test]
    public void Random_case_changes_letters_only_and_an_answer_must_repeat_it()
    {
        DnsQuestion question = new("abcdefghijklmnopqrstuvwxyz0123456789.example", DnsRecordType.A);
        DnsQueryMessage query = new(question, 1, randomCase: true);
        byte[] sent = query.Message.Span.Slice(12, question.WireName.Length).ToArray();
        Assert.That(DnsName.Equal(sent, question.WireName), Is.True);
        Assert.That(sent, Is.Not.EqualTo(question.WireName), "one in 2^33 times by chance");
        Assert.That(query.Asks(sent, DnsRecordType.A, DnsRecordClass.Internet), Is.True);
        Assert.That(query.Asks(question.WireName, DnsRecordType.A, DnsRecordClass.Internet), Is.False);
        Assert.That(new DnsQueryMessage(question, 1).Asks(sent, DnsRecordType.A, DnsRecordClass.Internet), Is.True);
    }

    [Test]
    public void Ids_differ()
    {
        HashSet<ushort> ids = [.. Enumerable.Range(0, 200).Select(_ => DnsQueryMessage.NewId())];
        Assert.That(ids, Has.Count.GreaterThan(150));
    }
}
