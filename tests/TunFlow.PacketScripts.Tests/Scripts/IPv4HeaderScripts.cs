using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.Scripts;

/// <summary>What only the header of IPv4 has.</summary>
public sealed class IPv4HeaderScripts
{
    [OneTimeSetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    /// <summary>The header's own checksum is always looked at: it costs nothing, and no device leaves it open.</summary>
    [Test]
    [AcceptanceRow(21)]
    [Weakness(27)]
    public void Wrong_header_checksum_is_dropped_whether_the_device_is_trusted_or_not([Values] bool trusted)
    {
        using PacketScript script = new(IPVersion.V4, (ref TfConfig c) => c.Flags |= trusted ? (uint)TfStackFlags.TrustChecksums : 0);
        foreach (byte[] packet in (byte[][])[
            script.Segment(Tcp.Syn(seq: 0)),
            script.Datagram(100),
            PacketBuilder.EchoRequest(script.Main.Application.Address, script.Main.Remote.Address, 1, new byte[56]),
            Fragments.Piece(script.Datagram(100), 1, 0, 64, more: true)])
        {
            packet[10] ^= 1;
            script.ExpectDropped(packet, TfDrop.IpHeader, "a packet with a wrong header");
        }
    }

    [Test]
    [AcceptanceRow(22)]
    public void Header_length_below_five_words_is_dropped([Range(0, 4)] int words)
    {
        using PacketScript script = new(IPVersion.V4);
        byte[] packet = script.Segment(Tcp.Syn(seq: 0));
        packet[0] = (byte)(0x40 | words);
        script.ExpectDropped(packet, TfDrop.IpHeader, $"a header of {words} words");
    }

    [Test]
    [AcceptanceRow(22)]
    public void Header_length_beyond_the_packet_is_dropped()
    {
        using PacketScript script = new(IPVersion.V4);
        byte[] packet = script.Segment(Tcp.Syn(seq: 0));
        packet[0] = 0x4F;
        script.ExpectDropped(packet, TfDrop.Length, "a header of 60 bytes in a packet of 40");
    }
}
