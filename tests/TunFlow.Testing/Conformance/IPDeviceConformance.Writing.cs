using TunFlow.Network;

namespace TunFlow.Testing;

/// <content>Writes of single packets.</content>
public abstract partial class IPDeviceConformance
{
    [Test]
    public async Task A_packet_of_the_MTU_is_written_whole()
    {
        byte[] packet = MakePacket(Subject.Mtu);
        await WriteAsync(packet).ConfigureAwait(false);
        await ExpectWrittenAsync(packet).ConfigureAwait(false);
    }

    [Test]
    public async Task One_byte_more_than_the_MTU_is_too_large_and_nothing_of_it_is_sent()
    {
        byte[] tooLarge = new byte[Subject.Mtu + 1];
        MakePacket(Subject.Mtu).CopyTo(tooLarge, 0);
        NetworkException? exception = await Assert.ThrowsAsync<NetworkException>(async () => await Subject.WriteAsync(tooLarge).ConfigureAwait(false)).ConfigureAwait(false);
        Assert.That(exception!.Error, Is.EqualTo(NetworkError.MessageTooLarge));
        byte[] next = MakePacket(SmallPacket, 1);
        await WriteAsync(next).ConfigureAwait(false);
        await ExpectWrittenAsync(next).ConfigureAwait(false);
    }

    [Test]
    public async Task An_empty_packet_is_dropped_and_counted()
    {
        long before = Dropped;
        await WriteAsync(ReadOnlyMemory<byte>.Empty).ConfigureAwait(false);
        byte[] next = MakePacket(SmallPacket, 2);
        await WriteAsync(next).ConfigureAwait(false);
        await ExpectWrittenAsync(next).ConfigureAwait(false);
        Assert.That(Dropped - before, Is.EqualTo(1));
    }

    [Test]
    public async Task Writing_never_waits_for_a_reader_and_every_packet_is_delivered_or_counted()
    {
        const int count = 20_000;
        byte[] packet = MakePacket(SmallPacket);
        long before = Dropped;
        await Task.Run(async () =>
        {
            for (int i = 0; i < count; i++)
            {
                await Subject.WriteAsync(packet).ConfigureAwait(false);
            }
        }).WaitAsync(Limit).ConfigureAwait(false);
        await EventuallyAsync(
            () => CountDelivered() + Dropped - before == count,
            () => $"{CountDelivered()} delivered and {Dropped - before} dropped of {count}").ConfigureAwait(false);
    }

    [Test]
    public async Task A_packet_may_be_changed_once_its_write_completed()
    {
        byte[] packet = MakePacket(200, 3);
        byte[] original = [.. packet];
        await WriteAsync(packet).ConfigureAwait(false);
        packet.AsSpan().Fill(0xEE);
        await ExpectWrittenAsync(original).ConfigureAwait(false);
    }

    [Test]
    public async Task A_token_that_is_cancelled_already_stops_the_write()
    {
        CancellationToken cancelled = new(canceled: true);
        Assert.That(async () => await Subject.WriteAsync(MakePacket(SmallPacket, 4), cancelled).ConfigureAwait(false), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(
            async () => await Batch.WriteBatchAsync(new[] { Whole(MakePacket(SmallPacket, 5)) }, cancelled).ConfigureAwait(false),
            Throws.InstanceOf<OperationCanceledException>());
        byte[] next = MakePacket(SmallPacket, 6);
        await WriteAsync(next).ConfigureAwait(false);
        await ExpectWrittenAsync(next).ConfigureAwait(false);
    }

    [Test]
    public async Task Writes_from_many_threads_keep_packets_whole()
    {
        const int threads = 5, each = 20;
        await Task.WhenAll(Enumerable.Range(0, threads).Select(thread => Task.Run(async () =>
        {
            for (int i = 0; i < each; i++)
            {
                await Subject.WriteAsync(MakePacket(100 + (thread * each) + i, (byte)((thread * each) + i))).ConfigureAwait(false);
            }
        }))).WaitAsync(Limit).ConfigureAwait(false);

        byte[][] taken = new byte[threads * each][];
        for (int i = 0; i < taken.Length; i++)
        {
            taken[i] = await TakeWrittenAsync().WaitAsync(Limit).ConfigureAwait(false);
        }

        // The fill byte tells the length; each thread's packets come in its order.
        Assert.That(taken.Count(end => end[^72..].All(value => value == end[^1])), Is.EqualTo(taken.Length), "packets in one piece");
        Assert.That(taken.Select(end => end[^1]), Is.EquivalentTo(Enumerable.Range(0, taken.Length).Select(i => (byte)i)));
        foreach (IGrouping<int, byte> thread in taken.Select(end => end[^1]).GroupBy(mark => mark / each))
        {
            Assert.That(thread, Is.Ordered);
        }
    }

    [Test]
    public async Task Writes_go_on_beside_a_pending_read()
    {
        Task<byte[]> read = ReadPacketAsync();
        byte[] packet = MakePacket(SmallPacket, 7);
        await WriteAsync(packet).ConfigureAwait(false);
        await ExpectWrittenAsync(packet).ConfigureAwait(false);
        Assert.That(read.IsCompleted, Is.False);
        await ProvokePacketAsync(8).ConfigureAwait(false);
        Assert.That((await read.WaitAsync(Limit).ConfigureAwait(false))[^1], Is.EqualTo(8));
    }
}
