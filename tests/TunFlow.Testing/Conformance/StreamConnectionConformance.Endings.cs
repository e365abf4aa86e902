using System.Net;
using TunFlow.Network;

namespace TunFlow.Testing;

/// <content>Endings: what is visible of them, in any order and from any thread.</content>
public abstract partial class StreamConnectionConformance
{
    /// <summary>How many connections the races are run on.</summary>
    protected virtual int RaceRounds => Campaign.Rounds(25, 1000);

    /// <summary>Whether a write that has started can be cancelled.</summary>
    protected virtual bool WritesCanBeCancelled => true;

    [Test]
    public async Task EndPointsStayReadableAfterDisposal()
    {
        (EndPoint? Local, EndPoint? Remote) before = (Subject.LocalEndPoint, Subject.RemoteEndPoint);
        await Subject.DisposeAsync().ConfigureAwait(false);
        Assert.That((Subject.LocalEndPoint, Subject.RemoteEndPoint), Is.EqualTo(before));
    }

    [Test]
    public async Task AResetInMidTransferIsNeverTheEndOfTheStream()
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(Patience);
        Task send = Task.Run(async () =>
        {
            byte[] block = new byte[10_000];
            while (!stop.IsCancellationRequested)
            {
                await Peer.WriteAsync(block, Patience).ConfigureAwait(false);
            }
        });
        byte[] buffer = new byte[1000];
        for (int i = 0; i < 50; i++)
        {
            Assert.That(await Subject.ReadAsync(buffer, Patience).ConfigureAwait(false), Is.Positive);
        }

        Peer.Abort();
        await CatchAsync<ObjectDisposedException>(() => send).ConfigureAwait(false);
        await AssertNetworkErrorAsync(
            async () =>
            {
                while (await Subject.ReadAsync(buffer, Patience).ConfigureAwait(false) > 0)
                {
                }
            },
            NetworkError.ConnectionReset).ConfigureAwait(false);
        await AssertNetworkErrorAsync(() => Subject.ReadAsync(buffer, Patience).AsTask(), NetworkError.ConnectionReset).ConfigureAwait(false);
        await AssertNetworkErrorAsync(() => Subject.ReadsClosed, NetworkError.ConnectionReset).ConfigureAwait(false);
    }

    [Test]
    public async Task AnAbortInMidTransferIsNeverACleanEndForThePeer()
    {
        Task write = await WriteUntilStuckAsync().ConfigureAwait(false);
        Subject.Abort();
        await CatchAsync<ObjectDisposedException>(() => write).ConfigureAwait(false);
        await AssertNetworkErrorAsync(() => StreamTransfer.ReceiveToEndAsync(Peer, Patience), NetworkError.ConnectionReset).ConfigureAwait(false);
    }

    [Test]
    public async Task DisposingDuringAWriteIsNeverACleanEndForThePeer()
    {
        Task write = await WriteUntilStuckAsync().ConfigureAwait(false);
        await Subject.DisposeAsync().ConfigureAwait(false);
        await CatchAsync<ObjectDisposedException>(() => write).ConfigureAwait(false);
        await AssertNetworkErrorAsync(() => StreamTransfer.ReceiveToEndAsync(Peer, Patience), NetworkError.ConnectionReset).ConfigureAwait(false);
    }

    [Test]
    public async Task ACancelledWriteSentABeginningOfItsDataAndNothingElse()
    {
        byte[] data = StreamTransfer.Bytes(16 * Megabyte, 21);
        using CancellationTokenSource cancel = new();
        Task write = Subject.WriteAsync(data, cancel.Token).AsTask();
        byte[] received = new byte[data.Length + 1];
        await Peer.ReadExactlyAsync(received.AsMemory(0, 100_000), Patience).ConfigureAwait(false);
        await cancel.CancelAsync().ConfigureAwait(false);
        Task<int> rest = Peer.ReadAtLeastAsync(received.AsMemory(100_000), received.Length - 100_000, throwOnEndOfStream: false, Patience).AsTask();
        try
        {
            // One that can't be cancelled is finished when the peer has read it all.
            await write.WaitAsync(Limit).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception)
        {
            Assert.That(exception.CancellationToken, Is.EqualTo(cancel.Token));
        }

        await Subject.CompleteWritesAsync(Patience).ConfigureAwait(false);
        int length = 100_000 + await rest.ConfigureAwait(false);
        Assert.That(length, write.IsCanceled ? Is.InRange(100_000, data.Length) : Is.EqualTo(data.Length));
        Assert.That(received.AsSpan(0, length).SequenceEqual(data.AsSpan(0, length)), Is.True);
    }

    [Test]
    public async Task ACancelledWaitForDataTakesNothingAndTheNextReadWorks()
    {
        for (byte i = 0; i < 10; i++)
        {
            using CancellationTokenSource cancel = new();
            Task<int> wait = Subject.ReadAsync(Memory<byte>.Empty, cancel.Token).AsTask();
            if (Subject.CanWaitForData)
            {
                await cancel.CancelAsync().ConfigureAwait(false);
                await CatchAsync<OperationCanceledException>(() => wait).ConfigureAwait(false);
            }

            Assert.That(wait.IsCompleted, Is.True);
            await Peer.WriteAsync(new[] { i }, Patience).ConfigureAwait(false);
            byte[] received = new byte[3];
            Assert.That(await Subject.ReadAsync(received, Patience).ConfigureAwait(false), Is.EqualTo(1));
            Assert.That(received[0], Is.EqualTo(i));
        }
    }

    [Test]
    public async Task EmptyReadsAndWritesObeyTheOrderOfEndings()
    {
        await Subject.CompleteWritesAsync(Patience).ConfigureAwait(false);
        await CatchAsync<InvalidOperationException>(() => Subject.WriteAsync(ReadOnlyMemory<byte>.Empty).AsTask()).ConfigureAwait(false);
        await Peer.CompleteWritesAsync(Patience).ConfigureAwait(false);
        Assert.That(await Subject.ReadAsync(new byte[1], Patience).ConfigureAwait(false), Is.Zero);
        Assert.That(await Subject.ReadAsync(Memory<byte>.Empty, Patience).ConfigureAwait(false), Is.Zero);
        await Subject.DisposeAsync().ConfigureAwait(false);
        await CatchAsync<ObjectDisposedException>(() => Subject.ReadAsync(Memory<byte>.Empty).AsTask()).ConfigureAwait(false);
        await CatchAsync<ObjectDisposedException>(() => Subject.WriteAsync(ReadOnlyMemory<byte>.Empty).AsTask()).ConfigureAwait(false);
    }

    [Test]
    public async Task ClosedTasksSayWhichWayEnded()
    {
        Subject.AbortReads();
        await Subject.ReadsClosed.WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(Subject.WritesClosed.IsCompleted, Is.False);
        await Subject.WriteAsync(new byte[] { 1 }, Patience).ConfigureAwait(false);
        await Subject.CompleteWritesAsync(Patience).ConfigureAwait(false);
        await Subject.WritesClosed.WaitAsync(Limit).ConfigureAwait(false);
        Assert.That((await StreamTransfer.ReceiveToEndAsync(Peer, Patience).ConfigureAwait(false)).Length, Is.EqualTo(1));
    }

    [Test]
    public async Task ClosedTasksThatWereAskedForBeforeTheAbortCompleteWithIt()
    {
        Task reads = Subject.ReadsClosed;
        Task writes = Subject.WritesClosed;
        Subject.Abort();
        await Task.WhenAll(reads, writes).WaitAsync(Limit).ConfigureAwait(false);
        await Task.WhenAll(Subject.ReadsClosed, Subject.WritesClosed).WaitAsync(Limit).ConfigureAwait(false);
    }

    [Test]
    [Category("Campaign")]
    public async Task EndingsFromEightThreadsEndEveryCallInAnOrderlyWay()
    {
        for (int round = 0; round < RaceRounds; round++)
        {
            ConnectionPair pair = await ConnectAsync().ConfigureAwait(false);
            try
            {
                await RaceAsync(pair, round).ConfigureAwait(false);
            }
            finally
            {
                await pair.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
            }
        }
    }

    [Test]
    [Category("Campaign")]
    public async Task AWriteThatRacesWithDisposingIsNeverCutByAnOrderlyEnd()
    {
        // Each round moves megabytes.
        byte[] data = new byte[4 * Megabyte];
        for (int round = 0; round < RaceRounds / 5; round++)
        {
            ConnectionPair pair = await ConnectAsync().ConfigureAwait(false);
            try
            {
                await RaceWriteAsync(pair, data, round).ConfigureAwait(false);
            }
            finally
            {
                await pair.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
            }
        }
    }

    private static async Task RaceWriteAsync(ConnectionPair pair, byte[] data, int round)
    {
        using Barrier start = new(2);
        Task write = Task.Run(() =>
        {
            start.SignalAndWait(Limit);
            return pair.Subject.WriteAsync(data).AsTask();
        });
        start.SignalAndWait(Limit);
        Thread.SpinWait(round * 7 % 100);
        await pair.Subject.DisposeAsync().ConfigureAwait(false);
        await write.WaitAsync(Limit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.That(write.IsCompletedSuccessfully || write.Exception?.InnerException is ObjectDisposedException, Is.True, write.Exception?.ToString());
        using CancellationTokenSource patience = new(Limit);
        try
        {
            (long length, _) = await StreamTransfer.ReceiveToEndAsync(pair.Peer, patience.Token).ConfigureAwait(false);
            Assert.That(length, Is.EqualTo(write.IsCompletedSuccessfully ? data.Length : 0));
        }
        catch (NetworkException exception)
        {
            Assert.That(exception.Error, Is.EqualTo(NetworkError.ConnectionReset));
        }
    }

    private static async Task RaceAsync(ConnectionPair pair, int round)
    {
        StreamConnection subject = pair.Subject;
        using Barrier start = new(8);
        Task reads = subject.ReadsClosed;
        Task writes = subject.WritesClosed;
        Func<Task>[] calls =
        [
            async () => await subject.ReadAsync(new byte[100]).ConfigureAwait(false),
            async () => await subject.ReadAsync(Memory<byte>.Empty).ConfigureAwait(false),
            async () => await subject.WriteAsync(new byte[100_000]).ConfigureAwait(false),
            async () => await subject.CompleteWritesAsync().ConfigureAwait(false),
            () => Task.Run(subject.AbortReads),
            () => Task.Run(subject.Abort),
            async () => await subject.DisposeAsync().ConfigureAwait(false),
            async () => await pair.Peer.WriteAsync(new byte[1000]).ConfigureAwait(false),
        ];
        await Task.WhenAll(calls.Select((call, index) => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait(Limit);

                // The endings come a little later or earlier from round to round.
                Thread.SpinWait(index is 5 or 6 ? round * 37 % 3000 : index * 50);
                return OrderlyAsync(call);
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default).Unwrap())).WaitAsync(Limit).ConfigureAwait(false);
        await CatchNetworkAsync(reads).ConfigureAwait(false);
        await CatchNetworkAsync(writes).ConfigureAwait(false);
        await CatchAsync<ObjectDisposedException>(() => subject.ReadAsync(new byte[1]).AsTask()).ConfigureAwait(false);
    }

    private static async Task OrderlyAsync(Func<Task> call)
    {
        try
        {
            await call().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is ObjectDisposedException or NetworkException or InvalidOperationException)
        {
            // ObjectDisposedException is an InvalidOperationException, as are overlaps and writes after completion: what the contract names.
            Assert.That(exception, Is.TypeOf<ObjectDisposedException>().Or.TypeOf<NetworkException>().Or.TypeOf<InvalidOperationException>());
        }
    }

    private static async Task CatchNetworkAsync(Task closed)
    {
        await closed.WaitAsync(Limit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.That(closed.IsCompletedSuccessfully || closed.Exception?.InnerException is NetworkException, Is.True, closed.Exception?.ToString());
    }
}
