using TunFlow.Network;

namespace TunFlow.Testing;

/// <content>Cancelling, overlapping, disposing, resetting.</content>
public abstract partial class StreamConnectionConformance
{
    [Test]
    public async Task CancelledReadsLoseNothing()
    {
        byte[] data = StreamTransfer.Bytes(300_000, 5);
        byte[] received = new byte[data.Length];
        int total = 0;
        Task send = Task.Run(async () =>
        {
            for (int i = 0; i < data.Length; i += 3000)
            {
                await Peer.WriteAsync(data.AsMemory(i, 3000), Patience).ConfigureAwait(false);
                await Task.Delay(i % 9000 == 0 ? 1 : 0).ConfigureAwait(false);
            }
        });

        int cancelled = 0;
        for (int round = 0; total < received.Length; round++)
        {
            using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Patience);
            Task<int> read = Subject.ReadAsync(received.AsMemory(total, Math.Min(1777, received.Length - total)), cancel.Token).AsTask();
            if (round % 2 == 0)
            {
                await cancel.CancelAsync().ConfigureAwait(false);
            }

            try
            {
                total += await read.WaitAsync(Limit).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!Patience.IsCancellationRequested)
            {
                cancelled++;
            }
        }

        await send.ConfigureAwait(false);
        TestContext.Out.WriteLine($"{cancelled} reads were cancelled");
        Assert.That(StreamTransfer.Sha256(received), Is.EqualTo(StreamTransfer.Sha256(data)));
    }

    [Test]
    public async Task CancellingRacesWithArrivingDataAndNothingIsLost()
    {
        byte[] data = StreamTransfer.Bytes(7 * 300, 22);
        byte[] received = new byte[data.Length];
        int total = 0;
        int cancelled = 0;
        for (int sent = 0; sent < data.Length; sent += 7)
        {
            int start = sent;
            using CancellationTokenSource cancel = new();
            Task<int> read = Subject.ReadAsync(received.AsMemory(total), cancel.Token).AsTask();
            Task write = Task.Run(() => Peer.WriteAsync(data.AsMemory(start, 7), Patience).AsTask());
            Thread.SpinWait(sent % 1000 * 20);
            await cancel.CancelAsync().ConfigureAwait(false);
            try
            {
                total += await read.WaitAsync(Limit).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                cancelled++;
            }

            await write.ConfigureAwait(false);
        }

        Assert.That(cancelled, Is.Positive, "No read was cancelled.");
        await Subject.ReadExactlyAsync(received.AsMemory(total), Patience).ConfigureAwait(false);
        Assert.That(StreamTransfer.Sha256(received), Is.EqualTo(StreamTransfer.Sha256(data)));
    }

    [Test]
    public async Task APendingReadCanBeCancelledAndTheConnectionLives()
    {
        using CancellationTokenSource cancel = new();
        Task<int> read = Subject.ReadAsync(new byte[10], cancel.Token).AsTask();
        await cancel.CancelAsync().ConfigureAwait(false);
        OperationCanceledException? exception = await CatchAsync<OperationCanceledException>(() => read).ConfigureAwait(false);
        Assert.That(exception!.CancellationToken, Is.EqualTo(cancel.Token));
        await AssertAliveAsync(12).ConfigureAwait(false);
    }

    [Test]
    public async Task ACancelledTokenStartsNothing()
    {
        CancellationToken cancelled = new(canceled: true);
        await CatchAsync<OperationCanceledException>(() => Subject.ReadAsync(new byte[1], cancelled).AsTask()).ConfigureAwait(false);
        await CatchAsync<OperationCanceledException>(() => Subject.WriteAsync(new byte[1], cancelled).AsTask()).ConfigureAwait(false);
        await CatchAsync<OperationCanceledException>(() => Subject.CompleteWritesAsync(cancelled).AsTask()).ConfigureAwait(false);
        await AssertAliveAsync(13).ConfigureAwait(false);
    }

    [Test]
    public async Task APendingWriteCanBeCancelledAndReadingGoesOn()
    {
        using CancellationTokenSource cancel = new();
        Task write = await WriteUntilStuckAsync(cancel.Token).ConfigureAwait(false);
        await cancel.CancelAsync().ConfigureAwait(false);
        if (WritesCanBeCancelled)
        {
            await CatchAsync<OperationCanceledException>(() => write).ConfigureAwait(false);
        }

        await Peer.WriteAsync(new byte[] { 14 }, Patience).ConfigureAwait(false);
        byte[] buffer = new byte[1];
        await Subject.ReadExactlyAsync(buffer, Patience).ConfigureAwait(false);
        Assert.That(buffer[0], Is.EqualTo(14));
    }

    [Test]
    public async Task AnOverlappingReadThrowsAndTheFirstOneGoesOn()
    {
        byte[] buffer = new byte[1];
        Task<int> read = Subject.ReadAsync(buffer, Patience).AsTask();
        await CatchAsync<InvalidOperationException>(() => Subject.ReadAsync(new byte[1]).AsTask()).ConfigureAwait(false);
        await Peer.WriteAsync(new byte[] { 15 }, Patience).ConfigureAwait(false);
        Assert.That(await read.WaitAsync(Limit).ConfigureAwait(false), Is.EqualTo(1));
        Assert.That(buffer[0], Is.EqualTo(15));
    }

    [Test]
    public async Task AnOverlappingWriteThrows()
    {
        Task write = await WriteUntilStuckAsync().ConfigureAwait(false);
        await CatchAsync<InvalidOperationException>(() => Subject.WriteAsync(new byte[1]).AsTask()).ConfigureAwait(false);
        await CatchAsync<InvalidOperationException>(() => Subject.CompleteWritesAsync().AsTask()).ConfigureAwait(false);
        Subject.Abort();
        await CatchAsync<ObjectDisposedException>(() => write).ConfigureAwait(false);
    }

    [Test]
    public async Task DisposingEndsPendingCallsWithObjectDisposed()
    {
        Task write = await WriteUntilStuckAsync().ConfigureAwait(false);
        Task read = Subject.ReadAsync(new byte[1]).AsTask();
        await Subject.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        await CatchAsync<ObjectDisposedException>(() => read).ConfigureAwait(false);
        await CatchAsync<ObjectDisposedException>(() => write).ConfigureAwait(false);
    }

    [Test]
    public async Task AfterDisposalEveryCallThrowsObjectDisposed()
    {
        await Subject.DisposeAsync().ConfigureAwait(false);
        await Subject.DisposeAsync().ConfigureAwait(false);
        Subject.Dispose();
        Subject.Abort();
        Subject.AbortReads();
        await CatchAsync<ObjectDisposedException>(() => Subject.ReadAsync(new byte[1]).AsTask()).ConfigureAwait(false);
        await CatchAsync<ObjectDisposedException>(() => Subject.WriteAsync(new byte[1]).AsTask()).ConfigureAwait(false);
        await CatchAsync<ObjectDisposedException>(() => Subject.CompleteWritesAsync().AsTask()).ConfigureAwait(false);
        Assert.That((Subject.CanRead, Subject.CanWrite), Is.EqualTo((false, false)));
        await Subject.ReadsClosed.WaitAsync(Limit).ConfigureAwait(false);
        await Subject.WritesClosed.WaitAsync(Limit).ConfigureAwait(false);
    }

    [Test]
    public async Task FiftyConcurrentDisposalsAreOne()
    {
        Task read = Subject.ReadAsync(new byte[1]).AsTask();
        await Parallel.ForEachAsync(Enumerable.Range(0, 50), new ParallelOptions { MaxDegreeOfParallelism = 50 }, async (index, _) =>
        {
            switch (index % 3)
            {
                case 0:
                    Subject.Dispose();
                    break;
                case 1:
                    await Subject.DisposeAsync().ConfigureAwait(false);
                    break;
                default:
                    await Task.Yield();
                    Subject.Dispose();
                    break;
            }
        }).WaitAsync(Limit).ConfigureAwait(false);
        await CatchAsync<ObjectDisposedException>(() => read).ConfigureAwait(false);
        Assert.That(await Peer.ReadAsync(new byte[1], Patience).ConfigureAwait(false), Is.Zero);
    }

    [Test]
    public async Task DisposingFlushesWhatWasWrittenAndThenEnds()
    {
        byte[] data = StreamTransfer.Bytes(100_000, 6);
        Task<(long Length, string Hash)> receive = StreamTransfer.ReceiveToEndAsync(Peer, Patience);
        await Subject.WriteAsync(data, Patience).ConfigureAwait(false);
        await Subject.DisposeAsync().ConfigureAwait(false);
        Assert.That(await receive.WaitAsync(Limit).ConfigureAwait(false), Is.EqualTo(((long)data.Length, StreamTransfer.Sha256(data))));
    }

    [Test]
    public async Task DisposingWithUnreadDataResets()
    {
        await Peer.WriteAsync(new byte[100], Patience).ConfigureAwait(false);
        if (Subject.CanWaitForData)
        {
            await Subject.ReadAsync(Memory<byte>.Empty, Patience).ConfigureAwait(false);
        }
        else
        {
            await Subject.ReadExactlyAsync(new byte[1], Patience).ConfigureAwait(false);
        }

        await Subject.DisposeAsync().ConfigureAwait(false);
        await AssertNetworkErrorAsync(() => Peer.ReadAsync(new byte[1], Patience).AsTask(), NetworkError.ConnectionReset).ConfigureAwait(false);
    }

    [Test]
    public async Task AbortIsAResetAndNotAnEnd()
    {
        await AssertAliveAsync(16).ConfigureAwait(false);
        Task<int> peerRead = Peer.ReadAsync(new byte[1], Patience).AsTask();
        Task<int> read = Subject.ReadAsync(new byte[1]).AsTask();
        Subject.Abort();
        Subject.Abort();
        await AssertNetworkErrorAsync(() => peerRead, NetworkError.ConnectionReset).ConfigureAwait(false);
        await CatchAsync<ObjectDisposedException>(() => read).ConfigureAwait(false);
        await CatchAsync<ObjectDisposedException>(() => Subject.WriteAsync(new byte[1]).AsTask()).ConfigureAwait(false);
    }

    [Test]
    public async Task AbortAfterAHalfCloseIsAReset()
    {
        await Subject.CompleteWritesAsync(Patience).ConfigureAwait(false);
        Assert.That(await Peer.ReadAsync(new byte[1], Patience).ConfigureAwait(false), Is.Zero);
        Subject.Abort();
        NetworkException? exception = await CatchAsync<NetworkException>(async () =>
        {
            while (true)
            {
                await Peer.WriteAsync(new byte[1000], Patience).ConfigureAwait(false);
                await Task.Delay(5, Patience).ConfigureAwait(false);
            }
        }).ConfigureAwait(false);
        Assert.That(exception!.Error, Is.EqualTo(NetworkError.ConnectionReset));
    }

    [Test]
    public async Task ThePeersResetEndsAPendingReadWithAnError()
    {
        Task<int> read = Subject.ReadAsync(new byte[1], Patience).AsTask();
        Peer.Abort();
        await AssertNetworkErrorAsync(() => read, NetworkError.ConnectionReset).ConfigureAwait(false);
        await AssertNetworkErrorAsync(() => Subject.ReadAsync(new byte[1], Patience).AsTask(), NetworkError.ConnectionReset).ConfigureAwait(false);
        await AssertNetworkErrorAsync(() => Subject.WriteAsync(new byte[1], Patience).AsTask(), NetworkError.ConnectionReset).ConfigureAwait(false);
        await AssertNetworkErrorAsync(() => Subject.ReadsClosed, NetworkError.ConnectionReset).ConfigureAwait(false);
        await AssertNetworkErrorAsync(() => Subject.WritesClosed, NetworkError.ConnectionReset).ConfigureAwait(false);
    }

    [TestCase(0)]
    [TestCase(1)]
    public async Task AfterAHalfCloseThePeersResetIsStillAnError(int bufferSize)
    {
        await Subject.CompleteWritesAsync(Patience).ConfigureAwait(false);
        Assert.That(await Peer.ReadAsync(new byte[1], Patience).ConfigureAwait(false), Is.Zero);
        Task<int> read = Subject.ReadAsync(new byte[bufferSize], Patience).AsTask();
        await Task.Delay(20).ConfigureAwait(false);
        Peer.Abort();
        await AssertNetworkErrorAsync(
            async () =>
            {
                // A wait without a buffer may just end; the read after it must not look like the end of the stream.
                await read.ConfigureAwait(false);
                await Subject.ReadAsync(new byte[1], Patience).ConfigureAwait(false);
            },
            NetworkError.ConnectionReset).ConfigureAwait(false);
    }

    [Test]
    public async Task ThePeersResetEndsAPendingWriteWithAnError()
    {
        Task write = await WriteUntilStuckAsync().ConfigureAwait(false);
        Peer.Abort();
        await AssertNetworkErrorAsync(() => write, NetworkError.ConnectionReset).ConfigureAwait(false);
        await AssertNetworkErrorAsync(
            async () =>
            {
                // What arrived before the reset may still be read, but its end must not look like the stream's.
                while (await Subject.ReadAsync(new byte[1000], Patience).ConfigureAwait(false) > 0)
                {
                }
            },
            NetworkError.ConnectionReset).ConfigureAwait(false);
    }

    [Test]
    public async Task AbortReadsEndsReadingAndThePeerIsNotStalled()
    {
        Task<int> read = Subject.ReadAsync(new byte[1], Patience).AsTask();
        Subject.AbortReads();
        Subject.AbortReads();
        Assert.That(await read.WaitAsync(Limit).ConfigureAwait(false), Is.Zero);
        Assert.That(await Subject.ReadAsync(new byte[1], Patience).ConfigureAwait(false), Is.Zero);
        await Subject.ReadsClosed.WaitAsync(Limit).ConfigureAwait(false);
        await StreamTransfer.SendAsync(Peer, new byte[8 * Megabyte], complete: true, Patience).WaitAsync(Limit).ConfigureAwait(false);
        await Subject.WriteAsync(new byte[] { 17 }, Patience).ConfigureAwait(false);
        byte[] buffer = new byte[1];
        await Peer.ReadExactlyAsync(buffer, Patience).ConfigureAwait(false);
        Assert.That(buffer[0], Is.EqualTo(17));
    }

    [Test]
    public async Task ClosedTasksFollowTheHalfCloses()
    {
        Assert.That((Subject.ReadsClosed.IsCompleted, Subject.WritesClosed.IsCompleted), Is.EqualTo((false, false)));
        await Subject.CompleteWritesAsync(Patience).ConfigureAwait(false);
        await Subject.WritesClosed.WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(Subject.ReadsClosed.IsCompleted, Is.False);
        await Peer.CompleteWritesAsync(Patience).ConfigureAwait(false);
        Assert.That(await Subject.ReadAsync(new byte[1], Patience).ConfigureAwait(false), Is.Zero);
        await Subject.ReadsClosed.WaitAsync(Limit).ConfigureAwait(false);
    }
}
