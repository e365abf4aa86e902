using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <summary>Verification of checksums: on, wrong ones are dropped and counted; off, they are accepted; by a device that vouches for them, too.</summary>
[TestFixture(4)]
[TestFixture(6)]
internal sealed class ChecksumTests(int family) : DeviceFixture
{
    private readonly IPEndPoint _app = IPEndPoint.Parse(family == 4 ? "10.9.0.2:5000" : "[fd09::2]:5000");

    private IPEndPoint Server => family == 4 ? Server4 : Server6;

    private int Header => family == 4 ? 20 : 40;

    [TestCase(true), Weakness(27), Weakness(31)]
    [TestCase(false)]
    public async Task The_option_says_whether_wrong_ones_are_dropped(bool verify)
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { VerifyChecksums = verify, TimeProvider = Time });
        PacketLink link = new(device);

        await device.WriteAsync(WrongDatagram());
        await device.WriteAsync(WrongSyn());

        if (verify)
        {
            LwipStatistics statistics = device.GetStatistics();
            Assert.That((statistics.Drops[PacketDropReason.Checksum], statistics.Drops.Total), Is.EqualTo((2L, 2L)));
            Assert.That((statistics.Flows, statistics.Sessions), Is.EqualTo((0, 0)));
        }
        else
        {
            await Eventually.HoldsAsync(() => Proxy.Calls == 1 && Dialer.Calls == 1, "the session and the dial");
            await Eventually.HoldsAsync(() => link.PacketCount == 2, "echo and SYN-ACK");
            Assert.That(device.GetStatistics().Drops.Total, Is.Zero);
        }
    }

    [Test, Weakness(27)]
    public async Task What_the_device_vouches_for_is_not_verified_and_a_partial_one_is_completed()
    {
        byte[] vouched = WrongDatagram();
        await Device.WriteBatchAsync(new[] { new PacketBuffer(vouched, vouched.Length, new PacketOffload { Checksum = ChecksumState.Valid }) });
        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo("wrong"u8.ToArray()));

        PacketOffload partial = new() { Checksum = ChecksumState.Partial, ChecksumStart = (ushort)Header, ChecksumOffset = 6 };
        byte[] unfinished = WrongDatagram();
        await Device.WriteBatchAsync(new[] { new PacketBuffer(unfinished, unfinished.Length, partial) });
        Assert.That((await Link.NextAsync()).Payload.ToArray(), Is.EqualTo("wrong"u8.ToArray()));
        Assert.That(Statistics.Drops.Total, Is.Zero);
    }

    [TestCase(true), Weakness(27)]
    [TestCase(false)]
    public async Task An_IPv4_header_is_verified_in_any_case(bool verify)
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { VerifyChecksums = verify, TimeProvider = Time });
        byte[] packet = PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), Server4, "payload"u8);
        packet[8] ^= 1;

        await device.WriteAsync(packet);

        Assert.That((device.GetStatistics().Drops[PacketDropReason.IPHeader], device.GetStatistics().Sessions), Is.EqualTo((1L, 0)));
    }

    private byte[] WrongDatagram()
    {
        byte[] packet = PacketBuilder.UdpDatagram(_app, Server, "wrong"u8);
        packet[Header + 6] ^= 0x55;
        return packet;
    }

    private byte[] WrongSyn()
    {
        byte[] packet = PacketBuilder.TcpSegment(new IPEndPoint(_app.Address, 5001), Server, 1, 0, TcpFlags.Syn, 1000);
        packet[Header + 16] ^= 0x55;
        return packet;
    }
}
