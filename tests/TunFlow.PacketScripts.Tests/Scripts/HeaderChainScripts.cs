using System.Buffers.Binary;
using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.Scripts;

/// <summary>IPv4 options and IPv6 extension headers: not walked, not answered, dropped by their name.</summary>
[AcceptanceRow(23)]
public sealed class HeaderChainScripts
{
    [OneTimeSetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    [TestCase(new byte[] { 1, 1, 1, 1 }, TestName = "Packets_with_IPv4_options_are_dropped(no operation)")]
    [TestCase(new byte[] { 0, 0, 0, 0 }, TestName = "Packets_with_IPv4_options_are_dropped(end of list)")]
    [TestCase(new byte[] { 7, 7, 4, 0, 0, 0, 0, 0 }, TestName = "Packets_with_IPv4_options_are_dropped(record route)")]
    [TestCase(new byte[] { 131, 7, 4, 192, 0, 2, 9, 0 }, TestName = "Packets_with_IPv4_options_are_dropped(loose source route)")]
    [TestCase(new byte[] { 137, 7, 4, 192, 0, 2, 9, 0 }, TestName = "Packets_with_IPv4_options_are_dropped(strict source route)")]
    [TestCase(new byte[] { 68, 8, 5, 0, 0, 0, 0, 0 }, TestName = "Packets_with_IPv4_options_are_dropped(timestamp)")]
    [TestCase(new byte[] { 148, 4, 0, 0 }, TestName = "Packets_with_IPv4_options_are_dropped(router alert)")]
    [TestCase(new byte[] { 130, 0, 0, 0 }, TestName = "Packets_with_IPv4_options_are_dropped(a length of 0)")]
    [TestCase(new byte[] { 7, 255, 4, 0 }, TestName = "Packets_with_IPv4_options_are_dropped(a length beyond the header)")]
    public void Packets_with_IPv4_options_are_dropped(byte[] options)
    {
        using PacketScript script = new(IPVersion.V4);
        foreach (byte[] packet in (byte[][])[script.Segment(Tcp.Syn(seq: 0)), script.Datagram(10)])
            script.ExpectDropped(WithOptions(packet, options), TfDrop.IpOptions, "options");
        script.ExpectNothing(seconds: 60);
    }

    [TestCase(0, TestName = "Packets_with_extension_headers_are_dropped(hop by hop)")]
    [TestCase(60, TestName = "Packets_with_extension_headers_are_dropped(destination options)")]
    [TestCase(43, TestName = "Packets_with_extension_headers_are_dropped(routing header 0)")]
    [TestCase(51, TestName = "Packets_with_extension_headers_are_dropped(authentication)")]
    [TestCase(50, TestName = "Packets_with_extension_headers_are_dropped(encryption)")]
    [TestCase(135, TestName = "Packets_with_extension_headers_are_dropped(mobility)")]
    [TestCase(139, TestName = "Packets_with_extension_headers_are_dropped(host identity)")]
    [TestCase(140, TestName = "Packets_with_extension_headers_are_dropped(shim6)")]
    public void Packets_with_extension_headers_are_dropped(int kind)
    {
        using PacketScript script = new(IPVersion.V6);
        foreach (byte[] packet in (byte[][])[script.Segment(Tcp.Syn(seq: 0)), script.Datagram(10)])
        {
            script.ExpectDropped(WithHeaders(packet, kind), TfDrop.Extension, $"header {kind}");
            // RFC 4443 3.4 would allow an answer to options that ask for one: none is given.
            byte[] asking = WithHeaders(packet, kind);
            asking[42] = 0x9E;
            script.ExpectDropped(asking, TfDrop.Extension, $"header {kind} with an unknown option");
        }

        script.ExpectNothing(seconds: 60);
    }

    /// <summary>RFC 5095: a routing header of type 0 with segments left.</summary>
    [Test]
    public void Routing_header_0_sends_no_packet_anywhere()
    {
        using PacketScript script = new(IPVersion.V6);
        byte[] packet = WithHeaders(script.Segment(Tcp.Syn(seq: 0)), Enumerable.Repeat(43, 3).ToArray());
        packet[42] = 0; // type
        packet[43] = 1; // segments left
        script.ExpectDropped(packet, TfDrop.Extension, "RH0");
        script.ExpectNothing(seconds: 60);
    }

    /// <summary>A chain costs no more than one header: it is not walked.</summary>
    [TestCase(0)]
    [TestCase(60)]
    public void Chain_of_200_headers_is_dropped_as_one(int kind)
    {
        using PacketScript script = new(IPVersion.V6);
        byte[] packet = WithHeaders(script.Segment(Tcp.Syn(seq: 0)), [kind, .. Enumerable.Repeat(60, 199)]);
        script.ExpectDropped(packet, TfDrop.Extension, "200 headers");
        script.ExpectNothing(seconds: 60);
    }

    /// <summary>Headers behind a fragment header come to light when the packet is whole.</summary>
    [Test]
    public void Headers_hidden_in_fragments_are_dropped()
    {
        using PacketScript script = new(IPVersion.V6);
        byte[] packet = WithHeaders(script.Segment(Tcp.Syn(seq: 0)), 60);
        foreach (byte[] piece in Fragments.Cut(packet, 8, 5))
            script.SendRaw(piece, "fragment");
        Assert.That(script.Statistics.Flows, Is.Zero);
        Assert.That(script.Statistics.FlowsPending, Is.Zero);
        Assert.That(script.DropCount(TfDrop.Fragment) + script.DropCount(TfDrop.Extension), Is.GreaterThan(0ul));
        script.ExpectNothing(seconds: 60);
    }

    [Test]
    public void Unknown_protocols_are_dropped([Values] IPVersion version)
    {
        using PacketScript script = new(version);
        int[] known = version == IPVersion.V4 ? [1, 6, 17] : [6, 17, 58, 44, 0, 43, 50, 51, 60, 135, 139, 140];
        for (int protocol = 0; protocol < 256; protocol++)
        {
            if (known.Contains(protocol))
                continue;
            byte[] packet = PacketBuilder.IPPacket(script.Main.Application.Address, script.Main.Remote.Address, (byte)protocol, new byte[40]);
            script.ExpectDropped(packet, TfDrop.Protocol, $"protocol {protocol}");
        }
    }

    private static byte[] WithOptions(byte[] packet, byte[] options)
    {
        byte[] changed = [.. packet[..20], .. options, .. packet[20..]];
        changed[0] = (byte)(0x45 + options.Length / 4);
        BinaryPrimitives.WriteUInt16BigEndian(changed.AsSpan(2), (ushort)changed.Length);
        PacketEdit.FixHeader(changed);
        return changed;
    }

    /// <summary>Puts extension headers of eight bytes, filled with padding, in front of the transport header.</summary>
    private static byte[] WithHeaders(byte[] packet, params int[] kinds)
    {
        byte transport = packet[6];
        List<byte> headers = [];
        for (int i = 0; i < kinds.Length; i++)
            headers.AddRange([i + 1 < kinds.Length ? (byte)kinds[i + 1] : transport, 0, 1, 4, 0, 0, 0, 0]);
        byte[] changed = [.. packet[..40], .. headers, .. packet[40..]];
        changed[6] = (byte)kinds[0];
        BinaryPrimitives.WriteUInt16BigEndian(changed.AsSpan(4), (ushort)(changed.Length - 40));
        return changed;
    }
}
