using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.Scripts;

/// <summary>Fragments, honest and hostile (RFC 791, 8200 4.5, 5722, 1858).</summary>
[AcceptanceRow(19)]
public sealed class FragmentScripts : ScriptFixture
{
    private const uint Id = 77;

    public FragmentScripts(IPVersion version)
        : base(version)
    {
    }

    [Test]
    public void Fragments_of_every_size_and_order_become_their_datagram([Values(8, 64, 552, 1480)] int size, [Values] bool backwards)
    {
        using PacketScript script = NewScript();
        int length = size == 8 ? 1000 : 3000;
        IReadOnlyList<byte[]> pieces = Fragments.Cut(script.Datagram(length), size, Id);
        foreach (byte[] piece in backwards ? pieces.Reverse() : pieces)
            script.SendRaw(piece, "fragment");
        script.ExpectDatagram(length);
        script.ExpectNothing(seconds: 60);
    }

    [Test]
    public void Exact_repetitions_of_fragments_do_no_harm()
    {
        using PacketScript script = NewScript();
        IReadOnlyList<byte[]> pieces = Fragments.Cut(script.Datagram(3000), 1000, Id);
        foreach (byte[] piece in pieces.Take(2).Concat(pieces))
            script.SendRaw(piece, "fragment");
        script.ExpectDatagram(3000);
        Assert.That(script.DropCount(TfDrop.Reassembly), Is.EqualTo(2));
    }

    /// <summary>RFC 5722 3: the whole datagram is dropped, including what has not arrived yet; nobody is told.</summary>
    [TestCase(504, 1000, TestName = "Fragment_that_overlaps_drops_the_datagram(from the middle over the end)")]
    [TestCase(0, 504, TestName = "Fragment_that_overlaps_drops_the_datagram(inside, at the start)")]
    [TestCase(496, 504, TestName = "Fragment_that_overlaps_drops_the_datagram(inside, at the end)")]
    [TestCase(0, 1008, TestName = "Fragment_that_overlaps_drops_the_datagram(from the start, longer)")]
    [TestCase(992, 8, TestName = "Fragment_that_overlaps_drops_the_datagram(the last eight bytes)")]
    public void Fragment_that_overlaps_drops_the_datagram(int offset, int length)
    {
        using PacketScript script = NewScript();
        byte[] whole = script.Datagram(2992);
        IReadOnlyList<byte[]> pieces = Fragments.Cut(whole, 1000, Id);
        script.SendRaw(pieces[0], "first fragment");
        script.SendRaw(Fragments.Piece(whole, Id, offset, new byte[length], more: true), $"{length} other bytes at {offset}");
        Assert.That(script.DropCount(TfDrop.Reassembly), Is.EqualTo(1));
        script.SendRaw(pieces[1], "second fragment");
        script.SendRaw(pieces[2], "last fragment");
        script.ExpectNothing(seconds: 60);
        Assert.That(script.Datagrams, Is.Empty);
        Assert.That(script.Statistics.Sessions, Is.Zero);
    }

    [Test]
    public void Datagram_with_a_gap_never_arrives_and_is_forgotten_after_15_seconds()
    {
        using PacketScript script = NewScript();
        IReadOnlyList<byte[]> pieces = Fragments.Cut(script.Datagram(3000), 1000, Id);
        ulong empty = script.Statistics.NativeBytes;
        script.SendRaw(pieces[0], "first fragment");
        script.SendRaw(pieces[2], "third fragment");
        script.Advance(14.5);
        Assert.That(script.Statistics.NativeBytes, Is.GreaterThan(empty + 2000));
        script.ExpectNothing();
        script.Advance(2);
        Assert.That(script.Statistics.NativeBytes, Is.EqualTo(empty));
        ExpectTimeExceeded(script);
        // Too late for the second.
        script.SendRaw(pieces[1], "second fragment");
        script.ExpectNothing(seconds: 60);
        Assert.That(script.Datagrams, Is.Empty);
    }

    /// <summary>The ping of death: an end beyond 65,535 bytes.</summary>
    [TestCase(65528, 8)]
    [TestCase(65520, 1000)]
    [TestCase(65000, 1480)]
    public void Fragment_beyond_the_largest_packet_is_dropped(int offset, int length)
    {
        using PacketScript script = NewScript();
        byte[] whole = script.Datagram(100);
        script.ExpectDropped(Fragments.Piece(whole, Id, offset, new byte[length], more: false), TfDrop.Fragment, "the end");
        byte[] echo = PacketBuilder.EchoRequest(script.Main.Application.Address, script.Main.Remote.Address, 1, new byte[8]);
        script.ExpectDropped(Fragments.Piece(echo, Id, offset, new byte[length], more: false), TfDrop.Fragment, "of a ping");
    }

    /// <summary>RFC 1858: a first fragment that hides the ports is no way past the filter; whole, it is a packet like any other.</summary>
    [Test]
    public void Tiny_fragments_pass_the_filter_as_the_packet_that_they_make()
    {
        using PacketScript script = NewScript();
        byte[] whole = script.Segment(Tcp.Syn(seq: 0).Mss(1000).SackPermitted());
        foreach (byte[] piece in Fragments.Cut(whole, 8, Id))
            script.SendRaw(piece, "eight bytes");
        script.ExpectEvent(TfEventFlags.Connect);

        byte[] bad = script.Segment(Tcp.Syn(seq: 0) with { Control = TcpFlags.Syn | TcpFlags.Fin }, script.NewConversation());
        foreach (byte[] piece in Fragments.Cut(bad, 8, Id + 1))
            script.SendRaw(piece, "eight bytes");
        Assert.That(script.DropCount(TfDrop.TcpFlags), Is.EqualTo(1));
        Assert.That(script.Statistics.Flows, Is.EqualTo(1));
        script.ExpectNothing();
    }

    [Test]
    public void Fragments_that_are_empty_or_cut_at_odd_places_are_dropped()
    {
        using PacketScript script = NewScript();
        byte[] whole = script.Datagram(100);
        script.ExpectDropped(Fragments.Piece(whole, Id, 0, [], more: true), TfDrop.Fragment, "nothing, at the start");
        script.ExpectDropped(Fragments.Piece(whole, Id, 80, [], more: false), TfDrop.Fragment, "nothing, at the end");
        script.ExpectDropped(Fragments.Piece(whole, Id, 0, new byte[13], more: true), TfDrop.Fragment, "13 bytes and more to come");
    }

    /// <summary>A flood of first fragments, each of another datagram.</summary>
    [TestCase(8)]
    [TestCase(1400)]
    public void Flood_of_first_fragments_stays_within_its_memory_and_causes_no_storm(int length)
    {
        using PacketScript script = NewScript();
        TfConfig config = script.Config;
        ulong empty = script.Statistics.NativeBytes;
        byte[] whole = script.Datagram(2000);
        int answers = 0;
        for (uint i = 0; i < 20_000; i++)
        {
            script.SendRaw(Fragments.Piece(whole, i, 0, length, more: true), "first fragment");
            ulong held = script.Statistics.NativeBytes - empty;
            // The output queue is taken at once; what remains is reassembly.
            Assert.That(held, Is.LessThanOrEqualTo(config.ReassemblyBytes + 64 * 1024), $"after {i + 1}");
            answers += script.TakeAll().Count;
        }

        Assert.That(answers, Is.LessThanOrEqualTo((int)config.IcmpPerSecond), "ICMP messages in no time at all");
        script.Advance(17);
        answers += script.TakeAll().Count;
        Assert.Multiple(() =>
        {
            Assert.That(answers, Is.LessThanOrEqualTo(2 * (int)config.IcmpPerSecond));
            Assert.That(script.Statistics.NativeBytes, Is.EqualTo(empty), "all forgotten");
            Assert.That(script.DropCount(TfDrop.Reassembly), Is.GreaterThan(0ul), "and counted");
        });

        // Whoever comes after it is served.
        foreach (byte[] piece in Fragments.Cut(script.Datagram(3000), 1000, Id))
            script.SendRaw(piece, "fragment");
        script.ExpectDatagram(3000);
    }

    /// <summary>RFC 8200 4.5 asks for it where the first fragment is known; over IPv4 nothing is said.</summary>
    private void ExpectTimeExceeded(PacketScript script)
    {
        if (Version == IPVersion.V6)
        {
            ReceivedPacket packet = script.Expect(new PacketCheck(
                "ICMPv6 time exceeded", p => p.Parsed is { Protocol: PacketBuilder.IcmpV6, IcmpType: 3, IcmpCode: 1 } ? null : p.ToString()));
            Assert.That(packet.Parsed.Raw, Has.Length.LessThanOrEqualTo(1280));
        }

        script.ExpectNothing();
    }
}
