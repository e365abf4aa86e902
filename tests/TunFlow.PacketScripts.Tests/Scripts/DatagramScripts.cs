using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.Scripts;

[AcceptanceRow(25)]
public sealed class DatagramScripts : ScriptFixture
{
    public DatagramScripts(IPVersion version)
        : base(version)
    {
    }

    /// <summary>An IPv4 packet's length counts its header, that of IPv6 does not; lwIP counts both in 16 bits.</summary>
    private int Largest => Version == IPVersion.V4 ? 65_507 : 65_487;

    [Test]
    public void Datagrams_of_0_and_1_bytes_arrive_and_are_answered([Values(0, 1)] int length)
    {
        using PacketScript script = NewScript();
        script.SendDatagram(length);
        script.ExpectDatagram(length);
        Assert.That(script.Answer(length), Is.EqualTo((int)TfStatus.Ok));
        ReceivedPacket answer = script.Expect(Fields.Length.Is(length));
        Assert.That(answer.Parsed.Source, Is.EqualTo(script.Main.Remote));
        Assert.That(answer.Parsed.Destination, Is.EqualTo(script.Main.Application));
    }

    [Test]
    public void Largest_datagram_makes_the_round_trip_in_fragments()
    {
        using PacketScript script = NewScript();
        foreach (byte[] piece in Fragments.Cut(script.Datagram(Largest), 1440, 9))
            script.SendRaw(piece, "fragment");
        script.ExpectDatagram(Largest);

        Assert.That(script.Answer(Largest), Is.EqualTo((int)TfStatus.Ok));
        IReadOnlyList<ReceivedPacket> pieces = script.TakeAll();
        Assert.That(pieces.Select(p => p.Parsed.Raw.Length), Has.All.LessThanOrEqualTo(1500));
        Assert.That(pieces, Has.None.Matches<ReceivedPacket>(p => !p!.Parsed.IsFragment));
        Assert.That(Join(pieces).AsSpan(8).SequenceEqual(Pattern.FromStack(0, Largest)), Is.True, "the answer's bytes");
        Assert.That(script.Answer(Largest + 1), Is.EqualTo((int)TfStatus.ETooBig));
        script.ExpectNothing();
    }

    /// <summary>Where reassembly may not hold it, it is dropped and counted.</summary>
    [Test]
    public void Datagram_beyond_the_reassembly_limit_is_a_counted_drop()
    {
        using PacketScript script = NewScript((ref TfConfig c) => c.ReassemblyBytes = 32 * 1024);
        ulong empty = script.Statistics.NativeBytes;
        foreach (byte[] piece in Fragments.Cut(script.Datagram(Largest), 1440, 9))
            script.SendRaw(piece, "fragment");
        Assert.That(script.Datagrams, Is.Empty);
        Assert.That(script.DropCount(TfDrop.Reassembly), Is.GreaterThan(0ul));
        Assert.That(script.Statistics.NativeBytes - empty, Is.LessThanOrEqualTo(32 * 1024 + 4096));
        script.Advance(20);
        script.TakeAll();
        Assert.That(script.Statistics.NativeBytes, Is.EqualTo(empty));
        script.SendDatagram(100);
        script.ExpectDatagram(100);
    }

    /// <summary>RFC 768: the length is the datagram's; what follows it in the packet is not its.</summary>
    [Test]
    public void Udp_length_below_the_packets_cuts_the_rest_off()
    {
        using PacketScript script = NewScript();
        byte[] packet = script.Datagram(50);
        byte[] padded = PacketBuilder.IPPacket(
            script.Main.Application.Address, script.Main.Remote.Address, PacketBuilder.Udp, [.. packet[script.IPHeader..], 1, 2, 3, 4]);
        script.SendRaw(padded, "datagram with four bytes behind it");
        script.ExpectDatagram(50);
    }

    [Test]
    public void Udp_length_beyond_the_packet_is_dropped_also_in_fragments()
    {
        using PacketScript script = NewScript();
        byte[] whole = script.Datagram(3000);
        whole[script.IPHeader + 4] = 0xFF;
        foreach (byte[] piece in Fragments.Cut(whole, 1000, 9))
            script.SendRaw(piece, "fragment");
        Assert.That(script.DropCount(TfDrop.UdpHeader), Is.EqualTo(1));
        Assert.That(script.Statistics.Sessions, Is.Zero);
        script.ExpectNothing(seconds: 60);
    }

    private byte[] Join(IEnumerable<ReceivedPacket> pieces)
    {
        byte[] payload = new byte[8 + Largest];
        foreach (ReceivedPacket piece in pieces)
        {
            byte[] raw = piece.Parsed.Raw;
            bool v4 = Version == IPVersion.V4;
            int offset = v4 ? (((raw[6] << 8) | raw[7]) & 0x1FFF) * 8 : ((raw[42] << 8) | raw[43]) & 0xFFF8;
            raw.AsSpan(v4 ? 20 : 48).CopyTo(payload.AsSpan(offset));
        }

        return payload;
    }
}
