using System.Buffers.Binary;
using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.Scripts;

[AcceptanceRow(22)]
public sealed class LengthScripts : ScriptFixture
{
    public LengthScripts(IPVersion version)
        : base(version)
    {
    }

    /// <summary>0 bytes, 1 byte, and every other number of them up to the last but one.</summary>
    [Test]
    public void Every_truncation_of_a_packet_is_dropped_for_its_length([Values] bool udp)
    {
        using PacketScript script = NewScript();
        byte[] packet = udp ? script.Datagram(50) : script.Segment(Tcp.Syn(seq: 0).Mss(1000).SackPermitted());
        for (int length = 0; length < packet.Length; length++)
            script.ExpectDropped(packet[..length], TfDrop.Length, $"{length} of {packet.Length} bytes");
    }

    /// <summary>The IP header says how long the packet is: truncated by it, the rest is padding, but the headers must fit.</summary>
    [Test]
    public void Total_length_below_the_headers_is_dropped([Values] bool udp)
    {
        using PacketScript script = NewScript();
        byte[] packet = udp ? script.Datagram(50) : script.Segment(Tcp.Syn(seq: 0));
        int least = script.IPHeader + (udp ? 8 : 20);
        for (int length = script.IPHeader; length < least; length++)
            script.ExpectDropped(WithTotalLength(packet, length), TfDrop.Length, $"a total length of {length}");
    }

    [Test]
    public void Total_length_beyond_the_packet_is_dropped([Values] bool udp)
    {
        using PacketScript script = NewScript();
        byte[] packet = udp ? script.Datagram(50) : script.Segment(Tcp.Syn(seq: 0));
        foreach (int more in (int[])[1, 8, 1000])
            script.ExpectDropped(WithTotalLength(packet, packet.Length + more), TfDrop.Length, $"{more} bytes more than there are");
    }

    [Test]
    public void Payload_length_of_zero_is_dropped()
    {
        using PacketScript script = NewScript();
        byte[] packet = WithTotalLength(script.Datagram(50), script.IPHeader);
        script.ExpectDropped(packet, TfDrop.Length, "no payload");
    }

    [Test]
    public void Other_versions_are_dropped()
    {
        using PacketScript script = NewScript();
        for (int version = 0; version < 16; version++)
        {
            if (version is 4 or 6)
                continue;
            byte[] packet = script.Segment(Tcp.Syn(seq: 0));
            packet[0] = (byte)((version << 4) | (packet[0] & 15));
            script.ExpectDropped(packet, TfDrop.Version, $"version {version}");
        }
    }

    [Test]
    public void Tcp_header_below_five_words_or_beyond_the_segment_is_dropped()
    {
        using PacketScript script = NewScript();
        for (int words = 0; words < 16; words++)
        {
            byte[] packet = script.Segment(Tcp.Syn(seq: 0).Mss(1000));
            if (words is 5 or 6)
                continue;
            packet[script.IPHeader + 12] = (byte)(words << 4);
            PacketEdit.FixTransport(packet);
            script.ExpectDropped(packet, TfDrop.TcpHeader, $"a TCP header of {words} words");
        }
    }

    /// <summary>lwIP reads options by their own lengths.</summary>
    [TestCase(new byte[] { 2, 4, 5, 180, 2, 0, 0, 0 }, TestName = "Malformed_tcp_options_are_dropped(a length of 0)")]
    [TestCase(new byte[] { 2, 1, 0, 0 }, TestName = "Malformed_tcp_options_are_dropped(a length of 1)")]
    [TestCase(new byte[] { 2, 3, 0, 0 }, TestName = "Malformed_tcp_options_are_dropped(a short MSS)")]
    [TestCase(new byte[] { 1, 1, 1, 2 }, TestName = "Malformed_tcp_options_are_dropped(no length)")]
    [TestCase(new byte[] { 1, 1, 2, 4 }, TestName = "Malformed_tcp_options_are_dropped(an MSS without its value)")]
    [TestCase(new byte[] { 8, 10, 0, 0 }, TestName = "Malformed_tcp_options_are_dropped(a cut timestamp)")]
    [TestCase(new byte[] { 1, 1, 3, 255 }, TestName = "Malformed_tcp_options_are_dropped(a window scale of 255 bytes)")]
    [TestCase(new byte[] { 5, 40, 0, 0 }, TestName = "Malformed_tcp_options_are_dropped(SACK blocks that are not there)")]
    public void Malformed_tcp_options_are_dropped(byte[] options)
    {
        using PacketScript script = NewScript();
        script.ExpectDropped(script.Segment(Tcp.Syn(seq: 0).Options(options)), TfDrop.TcpOptions, "bad options");
    }

    [Test]
    public void Udp_length_that_is_below_its_header_or_beyond_the_packet_is_dropped([Values(0, 1, 7, 59, 65535)] int length)
    {
        using PacketScript script = NewScript();
        byte[] packet = script.Datagram(50);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(script.IPHeader + 4), (ushort)length);
        PacketEdit.FixTransport(packet);
        script.ExpectDropped(packet, TfDrop.UdpHeader, $"a UDP length of {length}");
    }

    [Test]
    public void Bytes_behind_the_packet_are_padding()
    {
        using PacketScript script = NewScript();
        script.SendRaw([.. script.Datagram(50), .. new byte[14]], "padded datagram");
        script.ExpectDatagram(50);
    }

    private static byte[] WithTotalLength(byte[] packet, int length)
    {
        byte[] changed = [.. packet];
        bool v4 = packet[0] >> 4 == 4;
        BinaryPrimitives.WriteUInt16BigEndian(changed.AsSpan(v4 ? 2 : 4), (ushort)(v4 ? length : length - 40));
        PacketEdit.FixHeader(changed);
        return changed;
    }
}
