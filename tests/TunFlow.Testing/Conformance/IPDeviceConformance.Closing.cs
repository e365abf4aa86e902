using TunFlow.Network;

namespace TunFlow.Testing;

/// <content>The end, by the owner and by others.</content>
public abstract partial class IPDeviceConformance
{
    [TestCase(false)]
    [TestCase(true)]
    public async Task A_pending_read_returns_zero_when_the_device_is_disposed_and_so_do_all_later_ones(bool batch)
    {
        Task<int> read = batch ? Batch.ReadBatchAsync(MakeBuffers(1)).AsTask() : Subject.ReadAsync(new byte[100]).AsTask();
        await Subject.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(await read.WaitAsync(Limit).ConfigureAwait(false), Is.Zero);
        for (int i = 0; i < 3; i++)
        {
            Assert.That(await ReadAsync(new byte[100]).ConfigureAwait(false), Is.Zero);
            Assert.That(await ReadBatchAsync(MakeBuffers(2)).ConfigureAwait(false), Is.Zero);
        }
    }

    [Test]
    public async Task A_device_with_packets_to_read_ends_too()
    {
        for (byte mark = 1; mark <= 3; mark++)
        {
            await ProvokePacketAsync(mark).ConfigureAwait(false);
        }

        await Subject.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        int reads = 0;
        while (await ReadAsync(new byte[PacketBuffer.MaxPacketLength]).ConfigureAwait(false) > 0)
        {
            Assert.That(++reads, Is.LessThanOrEqualTo(3));
        }

        Assert.That(await ReadAsync(new byte[100]).ConfigureAwait(false), Is.Zero);
    }

    [Test]
    public async Task Writes_throw_ObjectDisposed_once_the_device_is_disposed()
    {
        byte[] packet = MakePacket(SmallPacket);
        byte[] tooLarge = new byte[Subject.Mtu + 1];
        await Subject.DisposeAsync().ConfigureAwait(false);
        for (int i = 0; i < 2; i++)
        {
            Assert.That(async () => await Subject.WriteAsync(packet).ConfigureAwait(false), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(async () => await Subject.WriteAsync(tooLarge).ConfigureAwait(false), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(async () => await Subject.WriteAsync(ReadOnlyMemory<byte>.Empty).ConfigureAwait(false), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(async () => await Batch.WriteBatchAsync(new[] { Whole(packet) }).ConfigureAwait(false), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(async () => await Batch.WriteBatchAsync(new[] { Whole(tooLarge) }).ConfigureAwait(false), Throws.TypeOf<ObjectDisposedException>());
        }
    }

    [Test]
    public async Task The_MTU_can_be_asked_for_after_disposal()
    {
        int mtu = Subject.Mtu;
        Assert.That(mtu, Is.InRange(68, PacketBuffer.MaxPacketLength));
        await Subject.DisposeAsync().ConfigureAwait(false);
        Assert.That(Subject.Mtu, Is.EqualTo(mtu));
    }

    [Test]
    public async Task Disposals_from_eight_threads_during_reads_and_writes_are_one()
    {
        byte[] packet = MakePacket(SmallPacket);
        Task<int> read = Subject.ReadAsync(new byte[PacketBuffer.MaxPacketLength]).AsTask();
        Task[] writers = [.. Enumerable.Range(0, 3).Select(i => Task.Run(() => WriteUntilItFailsAsync(packet, i == 0)))];
        await EventuallyAsync(() => CountDelivered() > 0, () => "the writers write").ConfigureAwait(false);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Subject.DisposeAsync().AsTask()))).WaitAsync(Limit).ConfigureAwait(false);
        foreach (Task writer in writers)
        {
            Assert.That(async () => await writer.WaitAsync(Limit).ConfigureAwait(false), Throws.TypeOf<ObjectDisposedException>());
        }

        // A device may have had an answer to what was written: then it is this read that gets it.
        await read.WaitAsync(Limit).ConfigureAwait(false);
        await Subject.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
    }

    [Test]
    public async Task Fifty_disposals_at_once_are_one()
    {
        Task<int> read = Subject.ReadAsync(new byte[100]).AsTask();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => Subject.DisposeAsync().AsTask()))).WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(await read.WaitAsync(Limit).ConfigureAwait(false), Is.Zero);
    }

    [Test]
    public async Task A_device_may_be_disposed_from_the_continuation_of_a_read()
    {
        Task reading = ReadThenDisposeAsync();
        await ProvokePacketAsync(1).ConfigureAwait(false);
        await reading.WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(await ReadAsync(new byte[100]).ConfigureAwait(false), Is.Zero);

        async Task ReadThenDisposeAsync()
        {
            Assert.That(await Subject.ReadAsync(new byte[PacketBuffer.MaxPacketLength]).ConfigureAwait(false), Is.Positive);
            await Subject.DisposeAsync().ConfigureAwait(false);
        }
    }

    [Test]
    public async Task A_device_closed_by_others_ends_reads_and_fails_writes_with_Closed()
    {
        PassUnlessClosable();
        Task<int> read = Subject.ReadAsync(new byte[100]).AsTask();
        await CloseByOtherAsync().ConfigureAwait(false);
        Assert.That(await read.WaitAsync(Limit).ConfigureAwait(false), Is.Zero);
        Assert.That(await ReadAsync(new byte[100]).ConfigureAwait(false), Is.Zero);
        Assert.That(await ReadBatchAsync(MakeBuffers(2)).ConfigureAwait(false), Is.Zero);
        byte[] packet = MakePacket(SmallPacket);
        for (int i = 0; i < 3; i++)
        {
            NetworkException? single = await Assert.ThrowsAsync<NetworkException>(async () => await Subject.WriteAsync(packet).ConfigureAwait(false)).ConfigureAwait(false);
            NetworkException? batch = await Assert.ThrowsAsync<NetworkException>(async () => await Batch.WriteBatchAsync(new[] { Whole(packet) }).ConfigureAwait(false)).ConfigureAwait(false);
            Assert.That((single!.Error, batch!.Error), Is.EqualTo((NetworkError.Closed, NetworkError.Closed)));
        }

        await Subject.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(async () => await Subject.WriteAsync(packet).ConfigureAwait(false), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(await ReadAsync(new byte[100]).ConfigureAwait(false), Is.Zero);
    }

    [Test]
    public async Task Writes_learn_that_others_closed_the_device_without_a_read()
    {
        PassUnlessClosable();
        await CloseByOtherAsync().ConfigureAwait(false);
        byte[] packet = MakePacket(SmallPacket);
        if (LearnsLaterThatItIsClosed)
        {
            await EventuallyAsync(() => Subject.WriteAsync(packet).AsTask().ContinueWith(static write => write.IsFaulted, TaskScheduler.Default).Result, () => "a write fails").ConfigureAwait(false);
        }

        NetworkException? thrown = await Assert.ThrowsAsync<NetworkException>(async () => await Subject.WriteAsync(packet).ConfigureAwait(false)).ConfigureAwait(false);
        Assert.That(thrown!.Error, Is.EqualTo(NetworkError.Closed));
    }

    private async Task WriteUntilItFailsAsync(byte[] packet, bool batches)
    {
        PacketBuffer[] batch = [Whole(packet), Whole(packet)];
        while (true)
        {
            await (batches ? Batch.WriteBatchAsync(batch) : Subject.WriteAsync(packet)).ConfigureAwait(false);
        }
    }

    private void PassUnlessClosable()
    {
        if (!CanBeClosedByOther)
        {
            Assert.Pass("Nothing but its owner closes this device.");
        }
    }
}
