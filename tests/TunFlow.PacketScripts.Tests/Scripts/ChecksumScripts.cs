using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.Scripts;

[AcceptanceRow(21)]
[Weakness(27)]
public sealed class ChecksumScripts : ScriptFixture
{
    public ChecksumScripts(IPVersion version)
        : base(version)
    {
    }

    public enum Kind
    {
        Tcp,
        Udp,
        Echo,
    }

    [Test]
    public void Wrong_transport_checksum_is_dropped_and_counted([Values] Kind kind, [Values(1, 0x8000, 0x5555)] int error)
    {
        using PacketScript script = NewScript();
        byte[] packet = Spoil(Make(script, kind), kind, error);
        script.ExpectDropped(packet, TfDrop.Checksum, $"{kind} with a wrong checksum");
    }

    /// <summary>The device vouches for it: documented for <c>VerifyChecksums</c>.</summary>
    [Test]
    public void Wrong_transport_checksum_is_accepted_where_the_device_is_trusted([Values] Kind kind)
    {
        using PacketScript script = NewScript((ref TfConfig c) => c.Flags |= (uint)TfStackFlags.TrustChecksums);
        script.SendRaw(Spoil(Make(script, kind), kind, 1), $"{kind} with a wrong checksum");
        switch (kind)
        {
            case Kind.Tcp:
                script.ExpectEvent(TfEventFlags.Connect);
                break;
            case Kind.Udp:
                script.ExpectDatagram(100);
                break;
            default:
                script.Expect(new PacketCheck("an echo reply", p => p.Parsed.IcmpType is 0 or 129 ? null : p.ToString()));
                break;
        }

        Assert.That(script.DropCount(TfDrop.Checksum), Is.Zero);
    }

    [Test]
    public void Changed_byte_anywhere_in_a_packet_is_noticed([Values] Kind kind)
    {
        using PacketScript script = NewScript();
        byte[] packet = Make(script, kind);
        // Behind the IP header, which has a checksum of its own or none.
        for (int i = script.IPHeader; i < packet.Length; i++)
        {
            byte[] changed = [.. packet];
            changed[i] ^= 0x04;
            ulong before = script.DropCount(TfDrop.Checksum);
            script.SendRaw(changed, $"changed at {i}");
            Assert.That(script.LastTaken, Is.False, $"byte {i}");
            // Lengths, ports and flags may be refused before anything is summed up.
            Assert.That(script.DropCount(TfDrop.Checksum) - before, Is.LessThanOrEqualTo(1));
            script.ExpectNothing();
        }

        Assert.That(script.Statistics.Flows + script.Statistics.Sessions, Is.Zero);
        Assert.That(script.DropCount(TfDrop.Checksum), Is.GreaterThan((ulong)(packet.Length - script.IPHeader) * 3 / 4));
    }

    /// <summary>RFC 768: none was made; RFC 8200 8.1: over IPv6 there must be one.</summary>
    [Test]
    public void Udp_without_a_checksum_is_accepted_over_ipv4_only([Values] bool trusted)
    {
        using PacketScript script = NewScript((ref TfConfig c) => c.Flags |= trusted ? (uint)TfStackFlags.TrustChecksums : 0);
        byte[] packet = Make(script, Kind.Udp);
        packet[script.IPHeader + 6] = packet[script.IPHeader + 7] = 0;
        if (Version == IPVersion.V6)
        {
            script.ExpectDropped(packet, TfDrop.Checksum, "UDP without a checksum");
            return;
        }

        script.SendRaw(packet, "UDP without a checksum");
        script.ExpectDatagram(100);
    }

    /// <summary>A checksum of 0xFFFF is the other form of zero, never "none".</summary>
    [Test]
    public void Udp_whose_sum_is_zero_carries_ffff_and_is_accepted()
    {
        using PacketScript script = NewScript();
        byte[] packet = script.Datagram(100);
        int header = script.IPHeader;
        // Choose the last two bytes so that the sum comes out as 0xFFFF.
        packet[^2] = packet[^1] = 0;
        PacketEdit.FixTransport(packet);
        (packet[^2], packet[^1]) = (packet[header + 6], packet[header + 7]);
        PacketEdit.FixTransport(packet);
        Assert.That((packet[header + 6] << 8) | packet[header + 7], Is.Zero);
        packet[header + 6] = packet[header + 7] = 0xFF;
        script.SendRaw(packet, "UDP with checksum ffff");
        Assert.That(script.Datagrams, Has.Count.EqualTo(1));
        Assert.That(script.DropCount(TfDrop.Checksum), Is.Zero);
        script.Datagrams.Clear();
    }

    private static byte[] Make(PacketScript script, Kind kind) => kind switch
    {
        Kind.Tcp => script.Segment(Tcp.Syn(seq: 0).Mss(1000)),
        Kind.Udp => script.Datagram(100),
        _ => PacketBuilder.EchoRequest(script.Main.Application.Address, script.Main.Remote.Address, 1, new byte[56]),
    };

    private static byte[] Spoil(byte[] packet, Kind kind, int error)
    {
        int field = PacketEdit.Header(packet) + kind switch { Kind.Tcp => 16, Kind.Udp => 6, _ => 2 };
        packet[field] ^= (byte)(error >> 8);
        packet[field + 1] ^= (byte)error;
        return packet;
    }
}
