using System.Text;
using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.Scripts;

/// <summary>RFC 9293 3.10.7.4, segments that overlap and differ: one documented policy, the same everywhere.</summary>
[AcceptanceRow(18)]
public sealed class OverlapScripts : ScriptFixture
{
    private const int Length = 24;

    private static readonly (int Start, int End) Waiting = (8, 16);

    public OverlapScripts(IPVersion version)
        : base(version)
    {
    }

    /// <summary>Every segment B from any place to any other against a waiting A.</summary>
    [Test]
    public void Bytes_of_overlapping_segments_are_those_of_the_policy()
    {
        List<string> different = [];
        for (int start = 0; start < Length; start++)
        {
            for (int end = start + 1; end <= Length; end++)
            {
                string expected = OverlapPolicy.Stream(Length, Waiting, (start, end));
                string actual = Run(('A', Waiting), ('B', (start, end)));
                if (actual != expected)
                    different.Add($"B {start}..{end}: {actual}, not {expected}");
            }
        }

        Assert.That(different, Is.Empty);
    }

    /// <summary>What the reader was shown is never taken back, whatever is sent again.</summary>
    [TestCase(1u, 20)]
    [TestCase(6u, 10)]
    [TestCase(1u, 10)]
    [TestCase(11u, 10)]
    public void Delivered_bytes_never_change(uint seq, int length)
    {
        using PacketScript script = NewScript();
        script.Open();
        script.Send(Tcp.Data("AAAAAAAAAAAAAAAAAAAA"));
        script.Expect(Tcp.Ack(ack: 21));
        script.Send(Tcp.Data(new string('B', length), seq: seq));
        script.Expect(Tcp.Ack(ack: 21));
        script.Read("AAAAAAAAAAAAAAAAAAAA");
    }

    /// <summary>Only what is new of a segment that reaches back counts.</summary>
    [Test]
    public void Segment_that_reaches_back_adds_only_its_new_bytes()
    {
        using PacketScript script = NewScript();
        script.Open();
        script.Send(Tcp.Data("AAAAAAAAAA"));
        script.Expect(Tcp.Ack(ack: 11));
        script.Send(Tcp.Data("BBBBBBBBBBBBBBB", seq: 1));
        script.Expect(Tcp.Ack(ack: 16));
        script.Read("AAAAAAAAAABBBBB");
    }

    /// <summary>A repeated FIN, and data that contradict it, change nothing: the stream ended where it ended.</summary>
    [Test]
    public void Data_behind_a_fin_are_never_delivered()
    {
        using PacketScript script = NewScript();
        script.Open();
        script.Send(Tcp.Data("AAAAAAAAAA").Fin());
        script.Expect(Tcp.Ack(ack: 12));
        script.Send(Tcp.Data("BBBBBBBBBBBBBBBBBBBB", seq: 1));
        script.TakeAll();
        script.Send(Tcp.Data("BBBBBBBBBB", seq: 12));
        script.TakeAll();
        script.Read("AAAAAAAAAA");
        script.ReadEnd();
    }

    /// <summary>Random segments of one stream, some lying: the bytes are those of some segment that was sent there, and all arrive.</summary>
    [Test]
    public void Random_overlaps_deliver_a_whole_stream_of_bytes_that_were_sent([Range(1, 20)] int seed)
    {
        Random random = new(seed);
        List<(char Letter, (int Start, int End) Place)> segments = [];
        for (int i = 0; i < 30; i++)
        {
            int start = random.Next(1, Length);
            segments.Add(((char)('a' + random.Next(26)), (start, random.Next(start + 1, Length + 1))));
        }

        string first = Run([.. segments]);
        for (int i = 0; i < Length; i++)
        {
            Assert.That(first[i] == 'C' || segments.Any(s => s.Letter == first[i] && s.Place.Start <= i && i < s.Place.End), Is.True,
                $"byte {i} of {first}");
        }

        Assert.That(Run([.. segments]), Is.EqualTo(first), "the same segments give the same stream");
    }

    private string Run(params (char Letter, (int Start, int End) Place)[] segments)
    {
        using PacketScript script = NewScript();
        script.Open(syn => syn.SackPermitted());
        StringBuilder read = new();
        foreach ((char letter, (int start, int end)) in segments)
            Send(script, read, letter, start, end);
        for (int i = 0; i < Length; i++)
            Send(script, read, 'C', i, i + 1);
        Assert.That(read.Length, Is.EqualTo(Length), () => script.Transcript);
        Assert.That(script.Statistics.Asserts, Is.Zero);
        script.TakeAll();
        return read.ToString();
    }

    private static void Send(PacketScript script, StringBuilder read, char letter, int start, int end)
    {
        script.Send(Tcp.Data(new string(letter, end - start), seq: 1 + (uint)start));
        TfStatus status = script.Peek(out byte[] bytes, out _);
        Assert.That(status, Is.EqualTo(TfStatus.Ok));
        if (bytes.Length > 0)
        {
            string text = Encoding.ASCII.GetString(bytes);
            read.Append(text);
            script.Read(text);
        }
    }
}
