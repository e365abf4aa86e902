using TunFlow.Network;

namespace TunFlow.Testing;

/// <content>Reads of single packets.</content>
public abstract partial class IPDeviceConformance
{
    [Test]
    public async Task A_packet_is_read_whole()
    {
        byte[]? expected = await ProvokePacketAsync(1).ConfigureAwait(false);
        byte[] packet = await ReadPacketAsync().ConfigureAwait(false);
        Assert.That(packet, Has.Length.InRange(20, Subject.Mtu));
        Assert.That(packet, Is.EqualTo(expected ?? packet));
        Assert.That(packet[^1], Is.EqualTo(1));
    }

    [Test]
    public async Task Packets_are_read_one_by_one_in_order()
    {
        for (byte mark = 1; mark <= 20; mark++)
        {
            await ProvokePacketAsync(mark).ConfigureAwait(false);
        }

        for (byte mark = 1; mark <= 20; mark++)
        {
            byte[] packet = await ReadPacketAsync().ConfigureAwait(false);
            Assert.That(packet[^1], Is.EqualTo(mark));
        }
    }

    [Test]
    public async Task A_short_buffer_takes_the_start_and_the_next_read_the_next_packet()
    {
        byte[]? first = await ProvokePacketAsync(2).ConfigureAwait(false);
        await ProvokePacketAsync(3).ConfigureAwait(false);
        byte[] small = new byte[14];
        Assert.That(await ReadAsync(small.AsMemory(0, 13)).ConfigureAwait(false), Is.EqualTo(13));
        Assert.That(small[..13], Is.EqualTo(first?[..13] ?? small[..13]));
        Assert.That(small[13], Is.Zero, "what lies behind the buffer");
        byte[] next = await ReadPacketAsync().ConfigureAwait(false);
        Assert.That((next.Length > 20, next[^1]), Is.EqualTo((true, (byte)3)));
    }

    [Test]
    public async Task A_buffer_of_the_exact_length_takes_the_packet_whole()
    {
        await ProvokePacketAsync(4).ConfigureAwait(false);
        int length = (await ReadPacketAsync().ConfigureAwait(false)).Length;
        await ProvokePacketAsync(5).ConfigureAwait(false);
        byte[] exact = new byte[length];
        Assert.That(await ReadAsync(exact).ConfigureAwait(false), Is.EqualTo(length));
        Assert.That(exact[^1], Is.EqualTo(5));
    }

    [Test]
    public async Task A_read_of_nothing_is_refused_and_costs_no_packet()
    {
        await ProvokePacketAsync(6).ConfigureAwait(false);
        Assert.That(async () => await Subject.ReadAsync(Memory<byte>.Empty).ConfigureAwait(false), Throws.InstanceOf<ArgumentException>());
        Assert.That((await ReadPacketAsync().ConfigureAwait(false))[^1], Is.EqualTo(6));
    }

    [TestCase(false, false)]
    [TestCase(false, true)]
    [TestCase(true, false)]
    [TestCase(true, true)]
    public async Task An_overlapping_read_throws_and_the_first_goes_on(bool firstIsBatch, bool secondIsBatch)
    {
        PacketBuffer[] buffers = MakeBuffers(2);
        byte[] buffer = new byte[PacketBuffer.MaxPacketLength];
        Task<int> first = firstIsBatch ? Batch.ReadBatchAsync(buffers).AsTask() : Subject.ReadAsync(buffer).AsTask();
        for (int i = 0; i < 3; i++)
        {
            Assert.That(
                async () => secondIsBatch ? await Batch.ReadBatchAsync(MakeBuffers(1)).ConfigureAwait(false) : await Subject.ReadAsync(new byte[100]).ConfigureAwait(false),
                Throws.TypeOf<InvalidOperationException>());
        }

        await ProvokePacketAsync(7).ConfigureAwait(false);
        int result = await first.WaitAsync(Limit).ConfigureAwait(false);
        byte last = firstIsBatch ? buffers[0].Packet.Span[^1] : buffer[result - 1];
        Assert.That((firstIsBatch ? result : 1, last), Is.EqualTo((1, (byte)7)));

        // And the rule is per moment: the next read is welcome.
        await ProvokePacketAsync(8).ConfigureAwait(false);
        Assert.That((await ReadPacketAsync().ConfigureAwait(false))[^1], Is.EqualTo(8));
    }

    [Test]
    public async Task A_cancelled_read_loses_no_packet_and_gives_its_buffer_back()
    {
        using CancellationTokenSource cancel = new();
        byte[] given = new byte[100];
        given.AsSpan().Fill(0xEE);
        Task<int> read = Subject.ReadAsync(given, cancel.Token).AsTask();
        await cancel.CancelAsync().ConfigureAwait(false);
        OperationCanceledException? thrown = await Assert.CatchAsync<OperationCanceledException>(() => read.WaitAsync(Limit)).ConfigureAwait(false);
        Assert.That(thrown!.CancellationToken, Is.EqualTo(cancel.Token));
        await ProvokePacketAsync(9).ConfigureAwait(false);
        Assert.That((await ReadPacketAsync().ConfigureAwait(false))[^1], Is.EqualTo(9));
        Assert.That(given, Is.All.EqualTo(0xEE));
    }

    [Test]
    public async Task A_token_that_is_cancelled_already_cancels_the_read_only()
    {
        await ProvokePacketAsync(10).ConfigureAwait(false);
        CancellationToken cancelled = new(canceled: true);
        Assert.That(async () => await Subject.ReadAsync(new byte[100], cancelled).ConfigureAwait(false), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await Batch.ReadBatchAsync(MakeBuffers(1), cancelled).ConfigureAwait(false), Throws.InstanceOf<OperationCanceledException>());
        Assert.That((await ReadPacketAsync().ConfigureAwait(false))[^1], Is.EqualTo(10));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Cancelling_at_the_moment_a_packet_comes_loses_nothing(bool batches)
    {
        byte[] buffer = new byte[PacketBuffer.MaxPacketLength];
        PacketBuffer[] packets = [new(buffer)];
        for (byte mark = 1; mark <= 100; mark++)
        {
            using CancellationTokenSource cancel = new();
            Task<int> read = batches ? Batch.ReadBatchAsync(packets, cancel.Token).AsTask() : Subject.ReadAsync(buffer, cancel.Token).AsTask();
            Task cancelling = Task.Run(() => cancel.Cancel());
            await ProvokePacketAsync(mark).ConfigureAwait(false);
            await cancelling.ConfigureAwait(false);
            int length;
            try
            {
                length = await read.WaitAsync(Limit).ConfigureAwait(false);
                length = batches ? packets[0].Length : length;
            }
            catch (OperationCanceledException)
            {
                length = await ReadAsync(buffer).ConfigureAwait(false);
            }

            Assert.That(buffer[length - 1], Is.EqualTo(mark));
        }
    }

    [Test]
    public async Task A_buffer_is_the_readers_again_once_the_read_completed()
    {
        byte[] first = new byte[PacketBuffer.MaxPacketLength];
        await ProvokePacketAsync(11).ConfigureAwait(false);
        int length = await ReadAsync(first).ConfigureAwait(false);
        byte[] kept = first[..length];
        first.AsSpan().Fill(0xEE);
        await ProvokePacketAsync(12).ConfigureAwait(false);
        byte[] second = await ReadPacketAsync().ConfigureAwait(false);
        Assert.That(first, Is.All.EqualTo(0xEE));
        Assert.That((kept[^1], second[^1]), Is.EqualTo(((byte)11, (byte)12)));
    }
}
