using System.Buffers.Binary;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Testing;

/// <content>The batch form.</content>
public abstract partial class IPDeviceConformance
{
    [Test]
    public async Task A_batch_read_gets_packets_in_order_each_in_its_own_buffer()
    {
        Assert.That(Batch.MaxBatch, Is.Positive);
        for (byte mark = 1; mark <= 10; mark++)
        {
            await ProvokePacketAsync(mark).ConfigureAwait(false);
        }

        List<byte> marks = [];
        while (marks.Count < 10)
        {
            PacketBuffer[] packets = MakeBuffers(4);
            int count = await ReadBatchAsync(packets).ConfigureAwait(false);
            Assert.That(count, Is.InRange(1, Math.Min(4, Batch.MaxBatch)));
            foreach (PacketBuffer packet in packets.AsSpan(0, count))
            {
                Assert.That((packet.Length >= 20, packet.Offload.Gso), Is.EqualTo((true, GsoType.None)));
                marks.Add(packet.Packet.Span[^1]);
            }
        }

        Assert.That(marks, Is.EqualTo(Enumerable.Range(1, 10)));
    }

    [Test]
    public async Task A_batch_may_be_longer_than_MaxBatch_and_is_partly_filled()
    {
        PacketBuffer[] packets = MakeBuffers(Batch.MaxBatch + 3);
        Task<int> read = ReadBatchAsync(packets);
        await ProvokePacketAsync(1).ConfigureAwait(false);
        Assert.That(await read.ConfigureAwait(false), Is.EqualTo(1));
        Assert.That(packets[0].Packet.Span[^1], Is.EqualTo(1));
        Assert.That(packets.Skip(1).Select(packet => packet.Length), Is.All.Zero);
    }

    [Test]
    public async Task A_batch_of_no_entries_is_refused_and_costs_no_packet()
    {
        await ProvokePacketAsync(2).ConfigureAwait(false);
        Assert.That(async () => await Batch.ReadBatchAsync(Memory<PacketBuffer>.Empty).ConfigureAwait(false), Throws.InstanceOf<ArgumentException>());
        Assert.That((await ReadPacketAsync().ConfigureAwait(false))[^1], Is.EqualTo(2));
    }

    [Test]
    public async Task An_entry_that_is_too_short_takes_the_start_of_its_packet()
    {
        await ProvokePacketAsync(3).ConfigureAwait(false);
        await ProvokePacketAsync(4).ConfigureAwait(false);
        byte[] memory = new byte[14];
        Assert.That(await ReadBatchAsync(new PacketBuffer[] { new(memory.AsMemory(0, 13)) }).ConfigureAwait(false), Is.EqualTo(1));
        Assert.That(memory[13], Is.Zero, "what lies behind the buffer");
        Assert.That(memory[0], Is.Not.Zero);
        Assert.That((await ReadPacketAsync().ConfigureAwait(false))[^1], Is.EqualTo(4));
    }

    [Test]
    public async Task A_cancelled_batch_read_loses_no_packet()
    {
        using CancellationTokenSource cancel = new();
        Task<int> read = Batch.ReadBatchAsync(MakeBuffers(2), cancel.Token).AsTask();
        await cancel.CancelAsync().ConfigureAwait(false);
        Assert.That(async () => await read.WaitAsync(Limit).ConfigureAwait(false), Throws.InstanceOf<OperationCanceledException>());
        await ProvokePacketAsync(5).ConfigureAwait(false);
        PacketBuffer[] packets = MakeBuffers(2);
        Assert.That(await ReadBatchAsync(packets).ConfigureAwait(false), Is.EqualTo(1));
        Assert.That(packets[0].Packet.Span[^1], Is.EqualTo(5));
    }

    [Test]
    public async Task Single_and_batch_reads_may_alternate()
    {
        for (byte mark = 1; mark <= 6; mark += 2)
        {
            await ProvokePacketAsync(mark).ConfigureAwait(false);
            await ProvokePacketAsync((byte)(mark + 1)).ConfigureAwait(false);
            Assert.That((await ReadPacketAsync().ConfigureAwait(false))[^1], Is.EqualTo(mark));
            PacketBuffer[] packets = MakeBuffers(1);
            Assert.That(await ReadBatchAsync(packets).ConfigureAwait(false), Is.EqualTo(1));
            Assert.That(packets[0].Packet.Span[^1], Is.EqualTo(mark + 1));
        }
    }

    [Test]
    public async Task A_batch_longer_than_MaxBatch_is_written_whole_and_in_order()
    {
        byte[][] packets = [.. Enumerable.Range(0, Batch.MaxBatch + 5).Select(i => MakePacket(SmallPacket + i, (byte)i))];
        await WriteBatchAsync([.. packets.Select(Whole)]).ConfigureAwait(false);
        foreach (byte[] packet in packets)
        {
            await ExpectWrittenAsync(packet).ConfigureAwait(false);
        }
    }

    [Test]
    public async Task An_empty_batch_writes_nothing()
    {
        await WriteBatchAsync().ConfigureAwait(false);
        byte[] next = MakePacket(SmallPacket, 6);
        await WriteAsync(next).ConfigureAwait(false);
        await ExpectWrittenAsync(next).ConfigureAwait(false);
        Assert.That(CountDelivered(), Is.EqualTo(1));
    }

    [Test]
    public async Task What_a_batch_holds_that_the_device_cannot_take_is_dropped_and_counted_and_the_rest_is_written()
    {
        byte[] first = MakePacket(SmallPacket, 7), second = MakePacket(SmallPacket + 1, 8), third = MakePacket(Subject.Mtu, 9);
        List<PacketBuffer> refused = [new(new byte[Subject.Mtu + 1], Subject.Mtu + 1), new(new byte[10], 0)];
        byte[] udp = MakePacket(200);
        foreach (PacketOffload offload in new[]
        {
            new PacketOffload { Checksum = ChecksumState.Partial, ChecksumStart = 20, ChecksumOffset = 6 },
            new PacketOffload { Checksum = ChecksumState.Partial, ChecksumStart = 20, ChecksumOffset = 6, Gso = GsoType.Udp, GsoSize = 50, HeaderLength = 28 },
            new PacketOffload { Checksum = ChecksumState.Partial, ChecksumStart = 20, ChecksumOffset = 16, Gso = GsoType.Tcp4, GsoSize = 50, HeaderLength = 40 },
            new PacketOffload { Checksum = ChecksumState.Partial, ChecksumStart = 40, ChecksumOffset = 16, Gso = GsoType.Tcp6, GsoSize = 50, HeaderLength = 60 },
        })
        {
            if ((offload.Required & ~Batch.SupportedOffloads) != 0)
            {
                refused.Add(new PacketBuffer(udp, udp.Length, offload));
            }
        }

        long before = Dropped;
        await WriteBatchAsync([Whole(first), refused[0], Whole(second), .. refused[1..], Whole(third)]).ConfigureAwait(false);
        await ExpectWrittenAsync(first).ConfigureAwait(false);
        await ExpectWrittenAsync(second).ConfigureAwait(false);
        await ExpectWrittenAsync(third).ConfigureAwait(false);
        Assert.That(Dropped - before, Is.EqualTo(refused.Count));
    }

    [Test]
    public async Task A_partial_checksum_is_taken_where_it_is_supported()
    {
        byte[] packet = MakePacket(100, 10);
        if ((Batch.SupportedOffloads & PacketOffloads.Checksum) != 0)
        {
            // Only the sum of the pseudo-header is in the field.
            ushort pseudo = (ushort)~InternetSum.Transport(packet.AsSpan(12, 4), packet.AsSpan(16, 4), packet[9], packet.AsSpan(20, 0));
            uint sum = (uint)pseudo + (uint)(packet.Length - 20);
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(26), (ushort)((sum & 0xFFFF) + (sum >> 16)));
        }

        PacketOffload offload = (Batch.SupportedOffloads & PacketOffloads.Checksum) == 0 ? default
            : new PacketOffload { Checksum = ChecksumState.Partial, ChecksumStart = 20, ChecksumOffset = 6 };
        await WriteBatchAsync(new PacketBuffer(packet, packet.Length, offload)).ConfigureAwait(false);
        byte[] end = await TakeWrittenAsync().WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(end[^72..], Is.EqualTo(packet[^72..]));
    }

    [Test]
    public async Task The_memory_of_a_batch_may_be_changed_once_its_write_completed()
    {
        byte[] packet = MakePacket(300, 11);
        byte[] original = [.. packet];
        PacketBuffer[] batch = [Whole(packet)];
        await WriteBatchAsync(batch).ConfigureAwait(false);
        packet.AsSpan().Fill(0xEE);
        batch[0] = default;
        await ExpectWrittenAsync(original).ConfigureAwait(false);
    }
}
