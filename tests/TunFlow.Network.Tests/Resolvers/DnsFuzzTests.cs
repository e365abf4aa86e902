using System.Diagnostics;
using TunFlow.Network.Resolvers;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Messages that nobody would send: the codec answers yes or no, never by an exception, and in bounded time.</summary>
[SideBySide]
internal sealed class DnsFuzzTests
{
    private const int Runs = 200_000;

    private static readonly DnsQueryMessage s_query = new(new DnsQuestion("www.example.com", DnsRecordType.A), 7);

    [Test]
    public void Random_and_mutated_messages_never_throw()
    {
        Random random = new(20_300_101);
        byte[][] seeds = Seeds();
        int accepted = 0;
        for (int run = 0; run < Runs; run++)
        {
            byte[] message = run % 4 == 0 ? RandomTail(random) : Mutate(random, seeds[random.Next(seeds.Length)], seeds);
            if (DnsResponseParser.TryParse(message, s_query, out DnsResponse? response, out string problem))
            {
                accepted++;
                Use(response!);
            }
            else
            {
                Assert.That(response, Is.Null);
                Assert.That(problem, Is.Not.Empty);
            }
        }

        // Both ways were taken often, or the mutations test nothing.
        Assert.That(accepted, Is.InRange(Runs / 50, Runs - (Runs / 50)));
    }

    [Test]
    public void Random_texts_are_names_or_rejected()
    {
        Random random = new(4343);
        const string Alphabet = @"ab.\0123456789-_ äß中";
        int accepted = 0;
        for (int run = 0; run < 50_000; run++)
        {
            string text = new(random.GetItems<char>(Alphabet, random.Next(1, 40)));
            try
            {
                DnsQuestion question = new(text, DnsRecordType.A);
                Assert.That(new DnsQuestion(question.Name, DnsRecordType.A).WireName, Is.EqualTo(question.WireName));
                accepted++;
            }
            catch (ArgumentException exception)
            {
                Assert.That(exception.ParamName, Is.EqualTo("name"));
            }
        }

        Assert.That(accepted, Is.GreaterThan(1000));
    }

    [Test]
    public void The_largest_hostile_messages_take_milliseconds()
    {
        // As many records as fit, each with two names of its own that run through as many pointers and as much text as allowed.
        WireMessage message = WireMessage.Header(7, answers: 0xFFFF).Question("www.example.com", 1);
        WireMessage chain = new();
        for (int i = 0; i < 8000; i++)
        {
            chain.Pointer(i == 0 ? 12 : 33 + 12 + (2 * (i - 1)));
        }

        message.Pointer(12).Record(999, chain.ToArray());
        int records = 1;
        while (message.Length < 65_000)
        {
            int target = 33 + 12 + (2 * (records % 126));
            message.Pointer(target).Record(6, [0xC0 | 0, 12, 0xC0, 12, .. new byte[20]]);
            records++;
        }

        byte[] bytes = message.ToArray();
        bytes[6] = (byte)(records >> 8);
        bytes[7] = (byte)records;
        DnsResponseParser.TryParse(bytes, s_query, out _, out _);
        long start = Stopwatch.GetTimestamp();
        bool read = DnsResponseParser.TryParse(bytes, s_query, out DnsResponse? response, out _);
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        TestContext.Out.WriteLine($"{records} records, accepted: {read}, {time.TotalMilliseconds} ms");
        Assert.That(time, Is.LessThan(TimeSpan.FromSeconds(2)), "on a loaded machine; a few milliseconds on an idle one");
        Assert.That(response?.GetAddresses() ?? [], Is.Empty);
    }

    [Test]
    public void Text_that_grows_beyond_any_message_is_rejected()
    {
        // 64 KiB in which each record has a long name of its own, made of a pointer into the same text: 700 bytes of text for 40 bytes of message.
        string tail = string.Join('.', Enumerable.Repeat(new string('x', 60), 3));
        WireMessage message = WireMessage.Header(7, answers: 0xFFFF).Question("www.example.com", 1).Name(tail).Record(999, []);
        int records = 1;
        while (message.Length < 65_000)
        {
            message.U8(2).U16(records).Pointer(33).Record(999, []);
            records++;
        }

        byte[] bytes = message.ToArray();
        bytes[6] = (byte)(records >> 8);
        bytes[7] = (byte)records;
        Assert.That(DnsResponseParser.TryParse(bytes, s_query, out _, out string problem), Is.False);
        Assert.That(problem, Is.EqualTo("is malformed"));
    }

    private static void Use(DnsResponse response)
    {
        foreach (DnsRecord record in response.Answers.Concat(response.Authorities).Concat(response.Additionals))
        {
            Assert.That(record.ToString(), Is.Not.Empty);
            Assert.That(new DnsQuestion(record.Name, record.Type).Name, Is.EqualTo(record.Name), "the text of a name is the name");
        }

        Assert.That(response.GetAddresses(), Has.Length.LessThanOrEqualTo(response.Answers.Count));
    }

    private static byte[] RandomTail(Random random)
    {
        byte[] tail = new byte[random.Next(0, 120)];
        random.NextBytes(tail);
        return WireMessage.Header(7, answers: (ushort)random.Next(0, 4), authorities: (ushort)random.Next(0, 2), additionals: (ushort)random.Next(0, 2))
            .Question("www.example.com", 1).Raw(tail).ToArray();
    }

    private static byte[] Mutate(Random random, byte[] seed, byte[][] seeds)
    {
        List<byte> bytes = [.. seed];
        for (int i = random.Next(1, 4); i > 0 && bytes.Count > 0; i--)
        {
            // The first bytes stay, mostly: otherwise the id ends every run at once.
            int at = random.Next(random.Next(16) == 0 ? 0 : Math.Min(12, bytes.Count - 1), bytes.Count);
            switch (random.Next(7))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes[at] = 0xC0;
                    break;
                case 3:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 8), bytes.Count - at));
                    break;
                case 4:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 5:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                default:
                    byte[] other = seeds[random.Next(seeds.Length)];
                    int from = random.Next(other.Length);
                    bytes.InsertRange(at, other.AsSpan(from, random.Next(Math.Min(30, other.Length - from))).ToArray());
                    break;
            }
        }

        return [.. bytes];
    }

    private static byte[][] Seeds() =>
    [
        WireMessage.Header(7, answers: 2).Question("www.example.com", 1).Pointer(12).Record(5, [1, (byte)'a', 0xC0, 16]).Name("a.example.com").Record(1, [192, 0, 2, 1]).ToArray(),
        WireMessage.Header(7, answers: 1, additionals: 1).Question("www.example.com", 1).Pointer(12).Record(1, [192, 0, 2, 1]).U8(0).Record(41, [0, 10, 0, 2, 1, 2], @class: 1232).ToArray(),
        WireMessage.Header(7, authorities: 1, flags: 0x8183).Question("www.example.com", 1).Pointer(16).Record(6, [2, (byte)'n', (byte)'s', 0xC0, 16, 1, (byte)'h', 0xC0, 16, .. new byte[20]]).ToArray(),
        WireMessage.Header(7, answers: 3).Question("www.example.com", 1).Pointer(12).Record(15, [0, 1, 0xC0, 16]).Pointer(12).Record(33, [0, 1, 0, 1, 0, 1, 0xC0, 16]).Pointer(12).Record(16, [2, 1, 2]).ToArray(),
        WireMessage.Header(7, flags: WireMessage.TruncatedAnswer, answers: 1).Question("www.example.com", 1).Pointer(12).Record(28, new byte[16]).ToArray(),
    ];
}
