using System.Buffers.Binary;
using System.Net;
using System.Reflection;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <summary>Each reason to drop a packet, by one packet made for it: its counter moves by exactly one, and no other does.</summary>
[TestFixture]
internal sealed partial class DropReasonTests
{
    private static readonly IPEndPoint s_app = IPEndPoint.Parse("10.9.0.2:5000");
    private static readonly IPEndPoint s_app6 = IPEndPoint.Parse("[fd09::2]:5000");
    private static readonly IPEndPoint s_server = IPEndPoint.Parse("93.184.216.34:80");
    private static readonly IPEndPoint s_server6 = IPEndPoint.Parse("[2606:2800:220:1::1]:80");

    /// <summary>What one packet by itself is dropped for.</summary>
    private static IEnumerable<TestCaseData> Packets()
    {
        byte[] datagram = PacketBuilder.UdpDatagram(s_app, s_server, "payload"u8);
        byte[] datagram6 = PacketBuilder.UdpDatagram(s_app6, s_server6, "payload"u8);
        yield return Case(PacketDropReason.Length, datagram[..^1]);
        yield return Case(PacketDropReason.Length, datagram6[..^1]);
        yield return Case(PacketDropReason.Version, Changed(datagram, static packet => packet[0] = 0x55));
        yield return Case(PacketDropReason.IPHeader, Changed(datagram, static packet => packet[10] ^= 1));
        yield return Case(PacketDropReason.IPOptions, WithOptions(datagram));
        yield return Case(PacketDropReason.ExtensionHeader, PacketBuilder.IPPacket(s_app6.Address, s_server6.Address, 0, new byte[16]));
        yield return Case(PacketDropReason.Source, PacketBuilder.UdpDatagram(IPEndPoint.Parse("224.0.0.9:5000"), s_server, default));
        yield return Case(PacketDropReason.Source, PacketBuilder.UdpDatagram(IPEndPoint.Parse("[::1]:5000"), s_server6, default));
        yield return Case(PacketDropReason.Destination, PacketBuilder.UdpDatagram(s_app, IPEndPoint.Parse("127.0.0.1:53"), default));
        yield return Case(PacketDropReason.Destination, PacketBuilder.UdpDatagram(s_app6, IPEndPoint.Parse("[::1]:53"), default));
        yield return Case(PacketDropReason.Multicast, PacketBuilder.UdpDatagram(s_app, IPEndPoint.Parse("224.0.0.251:5353"), default));
        yield return Case(PacketDropReason.Multicast, PacketBuilder.UdpDatagram(s_app, IPEndPoint.Parse("255.255.255.255:67"), default));
        yield return Case(PacketDropReason.Multicast, PacketBuilder.UdpDatagram(s_app6, IPEndPoint.Parse("[ff02::fb]:5353"), default));
        yield return Case(PacketDropReason.Land, PacketBuilder.TcpSegment(s_app, s_app, 1, 0, TcpFlags.Syn, 1000));
        yield return Case(PacketDropReason.Port, PacketBuilder.UdpDatagram(s_app, new IPEndPoint(s_server.Address, 0), default));
        yield return Case(PacketDropReason.Protocol, PacketBuilder.IPPacket(s_app.Address, s_server.Address, 47, new byte[20]));
        yield return Case(PacketDropReason.TcpHeader, Changed(Syn(), static packet => packet[32] = 0x40));
        yield return Case(PacketDropReason.TcpOptions, Syn([2, 0, 5, 0xB4]));
        yield return Case(PacketDropReason.TcpFlags, PacketBuilder.TcpSegment(s_app, s_server, 1, 0, TcpFlags.Syn | TcpFlags.Fin, 1000));
        yield return Case(PacketDropReason.UdpHeader, Changed(datagram, static packet => packet[25]++));
        yield return Case(PacketDropReason.Checksum, Changed(datagram, static packet => packet[^1] ^= 1));
        yield return Case(PacketDropReason.Checksum, Changed(datagram6, static packet => packet[^1] ^= 1));
        yield return Case(PacketDropReason.Checksum, Changed(datagram6, static packet => packet[46] = packet[47] = 0));
        yield return Case(PacketDropReason.Fragment, Fragment(offset: 65_528, more: false, 64));
        yield return Case(PacketDropReason.Echo, PacketBuilder.EchoRequest(s_app.Address, s_server.Address, 1, default));
        yield return Case(PacketDropReason.Echo, PacketBuilder.EchoRequest(s_app6.Address, s_server6.Address, 1, default));

        static TestCaseData Case(PacketDropReason reason, byte[] packet) => new TestCaseData(reason, packet).SetArgDisplayNames($"{reason}, IPv{packet[0] >> 4}, {packet.Length} bytes, {Convert.ToHexString(packet.AsSpan(12, 8))}");
    }

    [TestCaseSource(nameof(Packets)), Weakness(31), Weakness(22), Weakness(27)]
    public async Task One_packet_moves_one_counter(PacketDropReason reason, byte[] packet)
    {
        await using Bench bench = new(new LwipDeviceOptions());

        await bench.MovesAsync(reason, () => bench.WriteAsync(packet));

        // Nothing else came of it: no answer, no flow, no session.
        LwipStatistics statistics = bench.Device.GetStatistics();
        Assert.That((statistics.PacketsIn, statistics.BytesIn, statistics.PacketsOut), Is.EqualTo((1L, (long)packet.Length, 0L)));
        Assert.That((statistics.Flows, statistics.SessionsOpened, bench.Dialer.Calls, bench.Proxy.Calls), Is.EqualTo((0, 0L, 0, 0)));
    }

    [Test, Weakness(31), Shows(PacketDropReason.Reassembly)]
    public async Task Fragments_that_overlap_move_one_counter()
    {
        await using Bench bench = new(new LwipDeviceOptions());
        await bench.WriteAsync(Fragment(offset: 0, more: true, 64));

        await bench.MovesAsync(PacketDropReason.Reassembly, () => bench.WriteAsync(Fragment(offset: 32, more: true, 64)));
    }

    [Test, Weakness(31), Shows(PacketDropReason.Offload)]
    public async Task Offload_that_contradicts_its_packet_moves_one_counter()
    {
        await using Bench bench = new(new LwipDeviceOptions());
        byte[] packet = Syn();
        PacketOffload wrong = new() { Checksum = ChecksumState.Partial, ChecksumStart = 24, ChecksumOffset = 16 };

        await bench.MovesAsync(PacketDropReason.Offload, () => bench.Device.WriteBatchAsync(new[] { new PacketBuffer(packet, packet.Length, wrong) }).AsTask());
    }

    [Test, Weakness(31), Shows(PacketDropReason.Oversized)]
    public async Task A_batch_entry_above_the_MTU_moves_one_counter()
    {
        await using Bench bench = new(new LwipDeviceOptions());

        await bench.MovesAsync(PacketDropReason.Oversized, () => bench.Device.WriteBatchAsync(new[] { new PacketBuffer(new byte[1501], 1501) }).AsTask());
    }

    [Test, Weakness(31), Shows(PacketDropReason.AcknowledgmentRange)]
    public async Task An_acknowledgment_of_what_was_never_sent_moves_one_counter()
    {
        await using Bench bench = new(new LwipDeviceOptions());
        TcpPeer peer = await bench.ConnectAsync();

        await bench.MovesAsync(PacketDropReason.AcknowledgmentRange, () => bench.WriteAsync(
            PacketBuilder.TcpSegment(peer.Local, peer.Remote, peer.InitialSequence + 1, peer.NextExpected + 100_000, TcpFlags.Ack, 1000, payload: new byte[10])));
    }

    [Test, Weakness(31), Shows(PacketDropReason.SessionQueue)]
    public async Task A_datagram_above_a_sessions_queue_moves_one_counter()
    {
        await using Bench bench = new(new LwipDeviceOptions { SessionQueueLength = 1 });
        TaskCompletionSource opening = new(TaskCreationOptions.RunContinuationsAsynchronously);
        bench.Proxy.OnOpen = (_, _) => new ValueTask(opening.Task);
        await bench.WriteAsync(PacketBuilder.UdpDatagram(s_app, s_server, [1]));
        // It is in the opening's hands, the next one waits in the queue.
        await Eventually.HoldsAsync(() => bench.Proxy.Calls == 1, "the opening");
        await bench.WriteAsync(PacketBuilder.UdpDatagram(s_app, s_server, [2]));

        await bench.MovesAsync(PacketDropReason.SessionQueue, () => bench.WriteAsync(PacketBuilder.UdpDatagram(s_app, s_server, [3])));
        opening.SetResult();
        await Eventually.HoldsAsync(() => bench.Device.GetStatistics().DatagramsUp == 2, "the two that were kept");
    }

    [Test]
    public void Every_reason_has_its_test()
    {
        IEnumerable<PacketDropReason> packets = Packets().Select(static one => (PacketDropReason)one.Arguments[0]!);
        IEnumerable<PacketDropReason> others = typeof(DropReasonTests).GetMethods().SelectMany(static method => method.GetCustomAttributes<ShowsAttribute>()).Select(static shows => shows.Reason);

        Assert.That(Enum.GetValues<PacketDropReason>().Except(packets).Except(others), Is.Empty);
    }

    private static byte[] Syn(params byte[] options) => PacketBuilder.TcpSegment(s_app, s_server, 1, 0, TcpFlags.Syn, 1000, options);

    private static byte[] Changed(byte[] packet, Action<byte[]> change)
    {
        byte[] changed = [.. packet];
        change(changed);
        return changed;
    }

    private static byte[] WithOptions(byte[] packet)
    {
        byte[] longer = [.. packet.AsSpan(0, 20), 1, 1, 1, 0, .. packet.AsSpan(20)];
        longer[0] = 0x46;
        BinaryPrimitives.WriteUInt16BigEndian(longer.AsSpan(2), (ushort)longer.Length);
        return FixHeader(longer, 24);
    }

    private static byte[] Fragment(int offset, bool more, int length)
    {
        byte[] packet = PacketBuilder.IPPacket(s_app.Address, s_server.Address, PacketBuilder.Udp, new byte[length]);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(6), (ushort)((more ? 0x2000 : 0) | (offset / 8)));
        return FixHeader(packet, 20);
    }

    private static byte[] FixHeader(byte[] packet, int length)
    {
        packet[10] = packet[11] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), InternetSum.Finish(InternetSum.Add(0, packet.AsSpan(0, length))));
        return packet;
    }

    /// <summary>Which reason a test is about.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class ShowsAttribute(PacketDropReason reason) : Attribute
    {
        public PacketDropReason Reason { get; } = reason;
    }
}
