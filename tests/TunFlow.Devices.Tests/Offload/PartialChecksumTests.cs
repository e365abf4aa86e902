using System.Buffers.Binary;
using System.Net;
using TunFlow.Network;

namespace TunFlow.Devices.Tests;

internal sealed class PartialChecksumTests
{
    private static readonly IPEndPoint Source = new(IPAddress.Parse("10.1.2.3"), 1000);
    private static readonly IPEndPoint Destination = new(IPAddress.Parse("192.0.2.9"), 53);

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(18)]
    [TestCase(1001)]
    public void The_sum_of_the_pseudo_header_becomes_the_checksum(int payloadLength)
    {
        byte[] payload = new byte[payloadLength];
        new Random(payloadLength).NextBytes(payload);
        byte[] whole = Packets.MakeUdp(Source, Destination, payload);
        byte[] packet = [.. whole];
        ushort length = (ushort)(payloadLength + 8);
        byte[] pseudo = [.. packet[12..20], 0, Packets.Udp, (byte)(length >> 8), (byte)length];
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(26), (ushort)~Packets.Checksum(pseudo));
        var offload = new PacketOffload { Checksum = ChecksumState.Partial, ChecksumStart = 20, ChecksumOffset = 6 };
        Assert.That(PartialChecksum.TryComplete(packet, offload), Is.True);
        Assert.That(packet, Is.EqualTo(whole));
    }

    [TestCase(20, 7)]
    [TestCase(27, 0)]
    [TestCase(28, 0)]
    [TestCase(65_535, 65_535)]
    public void Offsets_outside_the_packet_are_refused(int start, int offset)
    {
        byte[] packet = new byte[28];
        var offload = new PacketOffload { Checksum = ChecksumState.Partial, ChecksumStart = (ushort)start, ChecksumOffset = (ushort)offset };
        Assert.That(PartialChecksum.TryComplete(packet, offload), Is.False);
        Assert.That(packet, Is.All.Zero);
    }
}
