using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using TunFlow.Testing;
using TunFlow.Testing.Captures;
using TunFlow.Testing.Packets;

namespace TunFlow.Network.Tests;

/// <summary>Capture files as Wireshark sees them.</summary>
internal sealed class CaptureTsharkTests
{
    private static readonly IPEndPoint Client4 = IPEndPoint.Parse("10.9.0.2:40001");
    private static readonly IPEndPoint Server4 = IPEndPoint.Parse("192.0.2.1:40080");
    private static readonly IPEndPoint Client6 = IPEndPoint.Parse("[fd09::2]:40001");
    private static readonly IPEndPoint Server6 = IPEndPoint.Parse("[2001:db8::1]:40080");

    private readonly ManualTimeProvider _time = new(new DateTimeOffset(2031, 2, 3, 4, 5, 6, TimeSpan.Zero));
    private string _path = null!;

    [SetUp]
    public void SetUp()
    {
        Tshark.Require();
        _path = Path.Combine(Path.GetTempPath(), $"tunflow-{Guid.NewGuid():N}.pcapng");
    }

    [TearDown]
    public void TearDown() => File.Delete(_path);

    [Test]
    public async Task Wireshark_reads_lengths_directions_times_and_fields_of_both_IP_versions()
    {
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair();
        CaptureOptions options = new() { TimeProvider = _time, InterfaceName = "tun-tést", InterfaceDescription = "a test" };
        await using (CaptureDevice device = new(inner, _path, options))
        {
            byte[][] packets = MakePackets();
            byte[] buffer = new byte[1500];
            for (int i = 0; i < packets.Length; i++)
            {
                _time.Advance(TimeSpan.FromTicks(12_345_678)); // 1.2345678 s
                if (i % 2 == 0)
                {
                    await device.WriteAsync(packets[i]);
                }
                else
                {
                    await other.WriteAsync(packets[i]);
                    await device.ReadAsync(buffer);
                }
            }
        }

        string[][] rows = await Tshark.ReadFieldsAsync(
            _path, "frame.len", "frame.cap_len", "frame.packet_flags_direction", "frame.time_epoch", "frame.interface_name", "_ws.col.Protocol",
            "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "tcp.srcport", "udp.dstport", "ip.src", "ipv6.dst");
        Assert.That(rows, Has.Length.EqualTo(MakePackets().Length));
        for (int i = 0; i < rows.Length; i++)
        {
            string length = MakePackets()[i].Length.ToString(CultureInfo.InvariantCulture);
            // Read is outbound by default: as at a TUN.
            string direction = i % 2 == 0 ? "0x00000001" : "0x00000002";
            decimal time = 1927857906m + ((i + 1) * 1.2345678m);
            Assert.That(rows[i][..5], Is.EqualTo(new[] { length, length, direction, time.ToString("F9", CultureInfo.InvariantCulture), "tun-tést" }), $"packet {i}");
        }

        // 1 is "good".
        Assert.That(rows[0][5..], Is.EqualTo(new[] { "TCP", "1", "1", "", "40001", "", "10.9.0.2", "" }));
        Assert.That(rows[1][5..], Is.EqualTo(new[] { "TCP", "1", "1", "", "40080", "", "192.0.2.1", "" }));
        Assert.That(rows[2][5..], Is.EqualTo(new[] { "TCP", "", "1", "", "40001", "", "", "2001:db8::1" }));
        Assert.That(rows[3][5..], Is.EqualTo(new[] { "UDP", "", "", "1", "", "40001", "", "fd09::2" }));
        Assert.That(rows[4][5..], Is.EqualTo(new[] { "UDP", "1", "", "1", "", "40080", "10.9.0.2", "" }));
        Assert.That(rows.Skip(5).Select(row => row[5]), Is.EqualTo(new[] { "ICMP", "ICMPv6" }));
        Assert.That(await Tshark.ReadAsync(_path, "-Y", "_ws.malformed or _ws.short or _ws.expert.severity == error"), Is.Empty);
    }

    [Test]
    public async Task Checksums_that_were_left_to_the_device_are_good_in_the_file_also_in_super_packets()
    {
        const PacketOffloads all = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation | PacketOffloads.UdpSegmentation;
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair(new MemoryDeviceOptions { SupportedOffloads = all });
        byte[] payload = new byte[60_001];
        new Random(4).NextBytes(payload);
        byte[] tcp4 = PacketBuilder.TcpSegment(Client4, Server4, 1, 1, TcpFlags.Ack, 1000, payload: payload);
        byte[] tcp6 = PacketBuilder.TcpSegment(Client6, Server6, 1, 1, TcpFlags.Ack, 1000, payload: payload);
        byte[] udp4 = PacketBuilder.UdpDatagram(Client4, Server4, payload.AsSpan(0, 1001));
        PacketBuffer[] batch =
        [
            Leave(tcp4, new PacketOffload { Checksum = ChecksumState.Partial, Gso = GsoType.Tcp4, GsoSize = 1448, HeaderLength = 40, ChecksumStart = 20, ChecksumOffset = 16 }),
            Leave(tcp6, new PacketOffload { Checksum = ChecksumState.Partial, Gso = GsoType.Tcp6, GsoSize = 1428, HeaderLength = 60, ChecksumStart = 40, ChecksumOffset = 16 }),
            Leave(udp4, new PacketOffload { Checksum = ChecksumState.Partial, ChecksumStart = 20, ChecksumOffset = 6 }),
        ];
        await using (CaptureDevice device = new(inner, _path))
        {
            await device.WriteBatchAsync(batch);
            await other.WriteBatchAsync(batch);
            PacketBuffer[] read = [.. Enumerable.Range(0, 3).Select(_ => new PacketBuffer(new byte[65_535]))];
            Assert.That(await device.ReadBatchAsync(read), Is.EqualTo(3));

            // Only the copy is completed: the packet itself stays as it is.
            Assert.That(read.Select(packet => packet.Offload), Is.EqualTo(batch.Select(packet => packet.Offload)));
            Assert.That(read.Zip(batch).All(pair => pair.First.Packet.Span.SequenceEqual(pair.Second.Packet.Span)), Is.True);
        }

        string[][] rows = await Tshark.ReadFieldsAsync(_path, "frame.len", "tcp.checksum.status", "udp.checksum.status", "tcp.len");
        string[][] expected = [["60041", "1", "", "60001"], ["60061", "1", "", "60001"], ["1029", "", "1", ""]];
        Assert.That(rows, Is.EqualTo(expected.Concat(expected)));
    }

    [Test]
    public async Task A_snap_length_cuts_what_is_kept_and_not_what_is_told()
    {
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair();
        await using (CaptureDevice device = new(inner, _path, new CaptureOptions { SnapLength = 42, Outbound = PacketDirection.Written }))
        {
            await device.WriteAsync(PacketBuilder.TcpSegment(Client4, Server4, 77, 0, TcpFlags.Syn, 1000, payload: new byte[500]));
            await device.WriteAsync(PacketBuilder.UdpDatagram(Client6, Server6, new byte[501]));
            await device.WriteAsync(PacketBuilder.UdpDatagram(Client4, Server4, new byte[5]));
        }

        string[][] rows = await Tshark.ReadFieldsAsync(_path, "frame.len", "frame.cap_len", "frame.packet_flags_direction", "tcp.seq_raw", "ipv6.src");
        Assert.That(rows, Is.EqualTo(new[]
        {
            new[] { "540", "42", "0x00000002", "77", "" },
            ["549", "42", "0x00000002", "", "fd09::2"],
            ["33", "33", "0x00000002", "", ""],
        }));
        Assert.That(await Tshark.ReadAsync(_path, "-Y", "_ws.malformed"), Is.Empty);
        await other.DisposeAsync();
    }

    [Test]
    public async Task A_file_is_readable_while_the_capture_runs_and_after_an_abrupt_end()
    {
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair();
        string cut = _path + ".cut";
        await using CaptureDevice device = new(inner, _path);
        try
        {
            for (int i = 0; i < 50; i++)
            {
                await device.WriteAsync(PacketBuilder.UdpDatagram(Client4, Server4, new byte[i + 1]));
            }

            await device.Capture!.FlushAsync();
            string[][] rows = await Tshark.ReadFieldsAsync(_path, "udp.length");
            Assert.That(rows.Select(row => row[0]), Is.EqualTo(Enumerable.Range(9, 50).Select(length => length.ToString(CultureInfo.InvariantCulture))));

            // A system that stops in the middle of a write leaves half a block.
            using (FileStream source = new(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
            {
                byte[] bytes = new byte[source.Length - 30];
                source.ReadExactly(bytes);
                await File.WriteAllBytesAsync(cut, bytes);
            }

            (string[][] whole, string errors) = await Tshark.ReadFieldsOfBrokenAsync(cut, "udp.length");
            Assert.That((whole.Length, errors.Contains("cut short", StringComparison.Ordinal)), Is.EqualTo((49, true)), errors);
        }
        finally
        {
            File.Delete(cut);
            await other.DisposeAsync();
        }
    }

    private static byte[][] MakePackets() =>
    [
        PacketBuilder.TcpSegment(Client4, Server4, 1, 0, TcpFlags.Syn, 1000, [2, 4, 5, 180]),
        PacketBuilder.TcpSegment(Server4, Client4, 5, 2, TcpFlags.Ack, 1000, payload: new byte[1001]),
        PacketBuilder.TcpSegment(Client6, Server6, 1, 0, TcpFlags.Ack, 1000, payload: new byte[3]),
        PacketBuilder.UdpDatagram(Server6, Client6, new byte[1400]),
        PacketBuilder.UdpDatagram(Client4, Server4, []),
        PacketBuilder.EchoRequest(Server4.Address, Client4.Address, 7, "ping"u8),
        PacketBuilder.EchoRequest(Client6.Address, Server6.Address, 7, "ping"u8),
    ];

    /// <summary>Puts the sum of the pseudo-header where the checksum was.</summary>
    private static PacketBuffer Leave(byte[] packet, PacketOffload offload)
    {
        bool v4 = packet[0] >> 4 == 4;
        byte[] source = v4 ? packet[12..16] : packet[8..24], destination = v4 ? packet[16..20] : packet[24..40];
        uint sum = InternetSum.Add(InternetSum.Add(0, source), destination) + packet[v4 ? 9 : 6] + (uint)(packet.Length - offload.ChecksumStart);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(offload.ChecksumStart + offload.ChecksumOffset), (ushort)~InternetSum.Finish(sum));
        return new PacketBuffer(packet, packet.Length, offload);
    }
}
