using System.Net;
using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.Scripts;

/// <summary>Addresses that no packet may carry: dropped before any state is made (RFC 1122 3.2.1.3, RFC 6890, RFC 4291).</summary>
[AcceptanceRow(24)]
public sealed class MartianScripts
{
    [OneTimeSetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    [TestCase("0.0.0.0")]
    [TestCase("0.1.2.3")]
    [TestCase("127.0.0.1")]
    [TestCase("127.255.255.254")]
    [TestCase("224.0.0.1")]
    [TestCase("239.255.255.250")]
    [TestCase("240.0.0.1")]
    [TestCase("255.255.255.255")]
    [TestCase("::")]
    [TestCase("::1")]
    [TestCase("ff02::1")]
    [TestCase("ff0e::abcd")]
    [TestCase("::ffff:10.0.0.2")]
    [TestCase("::ffff:127.0.0.1")]
    public void Source_that_nobody_has_is_dropped(string address)
    {
        using PacketScript script = Script(address);
        foreach ((byte[] packet, string what) in Packets(IPAddress.Parse(address), script.Main.Remote.Address))
            script.ExpectDropped(packet, TfDrop.Source, what);
        script.ExpectNothing(seconds: 60);
    }

    [TestCase("0.0.0.0", false)]
    [TestCase("0.1.2.3", false)]
    [TestCase("127.0.0.1", false)]
    [TestCase("240.0.0.1", false)]
    [TestCase("224.0.0.251", true)]
    [TestCase("255.255.255.255", true)]
    [TestCase("::", false)]
    [TestCase("::1", false)]
    [TestCase("::ffff:198.51.100.80", false)]
    [TestCase("ff02::fb", true)]
    public void Destination_that_is_not_served_is_dropped(string address, bool isMulticast)
    {
        using PacketScript script = Script(address);
        foreach ((byte[] packet, string what) in Packets(script.Main.Application.Address, IPAddress.Parse(address)))
            script.ExpectDropped(packet, isMulticast ? TfDrop.Multicast : TfDrop.Destination, what);
        script.ExpectNothing(seconds: 60);
    }

    /// <summary>The land attack: the packet would be answered to the stack itself.</summary>
    [TestCase("10.0.0.2")]
    [TestCase("198.51.100.80")]
    [TestCase("192.0.2.1")]
    [TestCase("fd00::2")]
    [TestCase("2001:db8::80")]
    public void Source_that_is_the_destination_is_dropped(string address)
    {
        using PacketScript script = Script(address);
        foreach ((byte[] packet, string what) in Packets(IPAddress.Parse(address), IPAddress.Parse(address)))
            script.ExpectDropped(packet, TfDrop.Land, what);
        script.ExpectNothing(seconds: 60);
    }

    [Test]
    public void Port_zero_is_dropped([Values] IPVersion version, [Values] bool source)
    {
        using PacketScript script = new(version);
        IPEndPoint application = new(script.Main.Application.Address, source ? 0 : 40_000);
        IPEndPoint remote = new(script.Main.Remote.Address, source ? 80 : 0);
        script.ExpectDropped(PacketBuilder.TcpSegment(application, remote, 1, 0, TcpFlags.Syn, 1000), TfDrop.Port, "SYN");
        script.ExpectDropped(PacketBuilder.UdpDatagram(application, remote, new byte[10]), TfDrop.Port, "datagram");
    }

    private static PacketScript Script(string address) => new(address.Contains(':', StringComparison.Ordinal) ? IPVersion.V6 : IPVersion.V4);

    private static IEnumerable<(byte[] Packet, string What)> Packets(IPAddress source, IPAddress destination)
    {
        IPEndPoint from = new(source, 40_000);
        IPEndPoint to = new(destination, 80);
        yield return (PacketBuilder.TcpSegment(from, to, 1, 0, TcpFlags.Syn, 1000), $"SYN {from} > {to}");
        yield return (PacketBuilder.TcpSegment(from, to, 1, 1, TcpFlags.Ack, 1000), $"ACK {from} > {to}");
        yield return (PacketBuilder.TcpSegment(from, to, 1, 0, TcpFlags.Rst, 0), $"RST {from} > {to}");
        yield return (PacketBuilder.UdpDatagram(from, to, new byte[10]), $"datagram {from} > {to}");
        yield return (PacketBuilder.EchoRequest(source, destination, 1, new byte[10]), $"ping {source} > {destination}");
        byte[] whole = PacketBuilder.UdpDatagram(from, to, new byte[100]);
        yield return (Fragments.Piece(whole, 3, 0, 64, more: true), $"fragment {source} > {destination}");
    }
}
