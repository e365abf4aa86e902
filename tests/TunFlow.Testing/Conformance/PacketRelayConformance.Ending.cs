using TunFlow.Network;
using TunFlow.Network.Relays;

namespace TunFlow.Testing;

/// <content>How associations end.</content>
public abstract partial class PacketRelayConformance
{
    [TestCase(0)]
    [TestCase(100)]
    public async Task DisposingEndsAPendingReceive(int bufferSize)
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        Task<ReceivedDatagram> receive = association.ReceivePacketAsync(new byte[bufferSize]).AsTask();
        await association.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        await AssertDisposedAsync(() => receive).ConfigureAwait(false);
        Assert.That(socket.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task DisposingEndsAPendingSend()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        socket.SendGate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task send = association.SendPacketAsync(new byte[1], Remote).AsTask();
        await association.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        await AssertDisposedAsync(() => send).ConfigureAwait(false);
    }

    [Test]
    public async Task ADisposedAssociationSaysSoAndCanBeDisposedAgain()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        socket.Arrives([1], Remote);
        await association.DisposeAsync().ConfigureAwait(false);
        for (int i = 0; i < 2; i++)
        {
            await AssertDisposedAsync(async () => await association.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false)).ConfigureAwait(false);
            await AssertDisposedAsync(async () => await association.SendPacketAsync(ReadOnlyMemory<byte>.Empty, Remote).ConfigureAwait(false)).ConfigureAwait(false);
            await AssertDisposedAsync(async () => await association.ReceivePacketAsync(new byte[10]).ConfigureAwait(false)).ConfigureAwait(false);
            await AssertDisposedAsync(async () => await association.ReceivePacketAsync(Memory<byte>.Empty).ConfigureAwait(false)).ConfigureAwait(false);
            await association.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        }

        Assert.That((socket.DisposeCount, socket.Sent.Count), Is.EqualTo((1, 0)));
    }

    [Test]
    public async Task FiftyConcurrentDisposalsAreOne()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        Task<ReceivedDatagram> receive = association.ReceivePacketAsync(new byte[100]).AsTask();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => association.DisposeAsync().AsTask()))).WaitAsync(Limit).ConfigureAwait(false);
        await AssertDisposedAsync(() => receive).ConfigureAwait(false);
        Assert.That(socket.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task ASocketThatClosesItselfClosesTheAssociationAfterWhatItReceived()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        socket.Arrives([1], Remote);
        socket.Arrives([2], Remote);
        socket.ClosesItself();
        Assert.That((await ReceiveAsync(association).ConfigureAwait(false)).Payload, Is.EqualTo(new byte[] { 1 }));
        Assert.That((await ReceiveAsync(association).ConfigureAwait(false)).Payload, Is.EqualTo(new byte[] { 2 }));
        await AssertClosedAsync(() => ReceiveAsync(association)).ConfigureAwait(false);
        await AssertClosedAsync(() => ReceiveAsync(association)).ConfigureAwait(false);
        await AssertClosedAsync(async () => await association.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false)).ConfigureAwait(false);
        await EventuallyAsync(() => socket.DisposeCount == 1, "the socket was disposed before the association").ConfigureAwait(false);
        await association.DisposeAsync().ConfigureAwait(false);
        await AssertDisposedAsync(() => ReceiveAsync(association)).ConfigureAwait(false);
        Assert.That(socket.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task AnIdleAssociationExpiresThoughNobodyReceives()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        Time.Advance(WriteIdleTimeout - TimeSpan.FromMilliseconds(1));
        Assert.That(socket.DisposeCount, Is.Zero);
        Time.Advance(WriteIdleTimeout / 16);
        await EventuallyAsync(() => socket.DisposeCount == 1, "the association expired").ConfigureAwait(false);
        await AssertClosedAsync(async () => await association.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false)).ConfigureAwait(false);
        await AssertClosedAsync(() => ReceiveAsync(association)).ConfigureAwait(false);
        Assert.That(socket.Sent, Is.Empty);
    }

    [Test]
    public async Task AfterAnExpiryANewAssociationIsOpened()
    {
        (IPacketAssociation expired, Connection oldSocket) = await OpenAsync().ConfigureAwait(false);
        Time.Advance(TimeSpan.FromHours(1));
        await EventuallyAsync(() => oldSocket.DisposeCount == 1, "the association expired").ConfigureAwait(false);
        (IPacketAssociation young, Connection socket) = await OpenAsync().ConfigureAwait(false);
        await young.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false);
        socket.Arrives([4], Remote);
        Assert.That((await ReceiveAsync(young).ConfigureAwait(false)).Payload, Is.EqualTo(new byte[] { 4 }));
        await AssertClosedAsync(async () => await expired.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false)).ConfigureAwait(false);
        Assert.That((oldSocket.Sent.Count, socket.Sent.Count), Is.EqualTo((0, 1)));
    }

    [TestCase(0)]
    [TestCase(100)]
    public async Task ExpiryEndsAPendingReceive(int bufferSize)
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        Task<ReceivedDatagram> receive = association.ReceivePacketAsync(new byte[bufferSize]).AsTask();
        Time.Advance(WriteIdleTimeout * 2);
        await AssertClosedAsync(() => receive).ConfigureAwait(false);
        await EventuallyAsync(() => socket.DisposeCount == 1, "the socket was closed").ConfigureAwait(false);
        await association.DisposeAsync().ConfigureAwait(false);
        await AssertDisposedAsync(() => ReceiveAsync(association)).ConfigureAwait(false);
    }

    [Test]
    public async Task SendingKeepsAnAssociationAliveAndReceivingDoesNot()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        for (int i = 0; i < 3; i++)
        {
            Time.Advance(WriteIdleTimeout / 2);
            await association.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false);
        }

        for (int i = 0; i < 3; i++)
        {
            Time.Advance(WriteIdleTimeout / 4);
            socket.Arrives([1], Remote);
            await ReceiveAsync(association).ConfigureAwait(false);
            Assert.That(socket.DisposeCount, Is.Zero);
        }

        Time.Advance(WriteIdleTimeout / 2);
        await EventuallyAsync(() => socket.DisposeCount == 1, "the association expired").ConfigureAwait(false);
        await AssertClosedAsync(async () => await association.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false)).ConfigureAwait(false);
        Assert.That(socket.Sent, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task AFailingSocketKeepsNobodyBusyAndDisposalEndsThePause()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        int timers = Time.ActiveTimers;
        for (int i = 0; i < 100; i++)
        {
            socket.Fails(new InvalidDataException());
        }

        Task<ReceivedDatagram> receive = association.ReceivePacketAsync(new byte[10]).AsTask();
        await EventuallyAsync(() => Time.ActiveTimers == timers + 1, "the receiver pauses").ConfigureAwait(false);
        Assert.That(receive.IsCompleted, Is.False);
        await association.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        await AssertDisposedAsync(() => receive).ConfigureAwait(false);
        await PassPausesAsync().ConfigureAwait(false);
    }

    [Test]
    public async Task ManyErrorsInARowAreOutlived()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        for (int i = 0; i < 30; i++)
        {
            socket.Fails(new InvalidDataException());
        }

        socket.Arrives([7], Remote);
        Task<(byte[] Payload, System.Net.IPEndPoint? Source)> receive = ReceiveAsync(association);
        while (!receive.IsCompleted)
        {
            Time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(1).ConfigureAwait(false);
            Assert.That(Time.Elapsed, Is.LessThan(TimeSpan.FromMinutes(10)));
            await association.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false);
        }

        Assert.That((await receive.ConfigureAwait(false)).Payload, Is.EqualTo(new byte[] { 7 }));
    }

    [Test]
    public async Task TheLoopDeliversInOrderAndCompletesWhenTheAssociationIsDisposed()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        List<int> sizes = [];
        List<NetworkException> reports = [];
        socket.Arrives(new byte[1], Remote);
        socket.Fails(new NetworkException(NetworkError.HostUnreachable) { Destination = OtherRemote });
        Task loop = association.ReceivePacketsAsync(
            (payload, source, _) =>
            {
                Assert.That(source, Is.EqualTo(Remote));
                sizes.Add(payload.Length);
                return ValueTask.CompletedTask;
            },
            report =>
            {
                reports.Add(report);
                return ValueTask.CompletedTask;
            });
        await EventuallyAsync(() => reports.Count == 1, "the report came").ConfigureAwait(false);
        socket.Arrives(new byte[9000], Remote);
        socket.Arrives([], Remote);
        await EventuallyAsync(() => sizes.Count == 3, "all datagrams came").ConfigureAwait(false);
        Assert.That(loop.IsCompleted, Is.False);
        await association.DisposeAsync().ConfigureAwait(false);
        await loop.WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(sizes, Is.EqualTo(new[] { 1, 9000, 0 }));
        Assert.That(reports.Single().Destination, Is.EqualTo(OtherRemote));
    }

    [Test]
    public async Task TheLoopCompletesWhenTheAssociationExpires()
    {
        (IPacketAssociation association, _) = await OpenAsync().ConfigureAwait(false);
        Task loop = association.ReceivePacketsAsync((_, _, _) => ValueTask.CompletedTask);
        Time.Advance(WriteIdleTimeout * 2);
        await loop.WaitAsync(Limit).ConfigureAwait(false);
    }

    [Test]
    public async Task AnExceptionOfTheHandlerEndsTheLoopButNotTheAssociation()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        socket.Arrives([1], Remote);
        socket.Arrives([2], Remote);
        Task first = association.ReceivePacketsAsync((_, _, _) => throw new NetworkException(NetworkError.Closed, "handler"));
        NetworkException? exception = await Assert.ThrowsAsync<NetworkException>(() => first.WaitAsync(Limit)).ConfigureAwait(false);
        Assert.That(exception!.Message, Is.EqualTo("handler"));
        TaskCompletionSource<byte> got = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenSource cancel = new();
        Task second = association.ReceivePacketsAsync(
            (payload, _, _) =>
            {
                got.TrySetResult(payload.Span[0]);
                return ValueTask.CompletedTask;
            },
            cancellationToken: cancel.Token);
        Assert.That(await got.Task.WaitAsync(Limit).ConfigureAwait(false), Is.EqualTo(2));
        await cancel.CancelAsync().ConfigureAwait(false);
        Assert.That(async () => await second.WaitAsync(Limit).ConfigureAwait(false), Throws.InstanceOf<OperationCanceledException>());
        socket.Arrives([3], Remote);
        Assert.That((await ReceiveAsync(association).ConfigureAwait(false)).Payload, Is.EqualTo(new byte[] { 3 }));
    }

    [Test]
    public async Task AHandlerMayDisposeTheAssociation()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        socket.Arrives([1], Remote);
        await association.ReceivePacketsAsync((_, _, _) => association.DisposeAsync()).WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(socket.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task SendsReceivesDisposalAndExpiryAtOnceEndWithTheErrorsOfTheContract()
    {
        for (int i = 0; i < 100; i++)
        {
            (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
            Task loop = Task.Run(() => association.ReceivePacketsAsync((_, _, _) => ValueTask.CompletedTask));
            Task[] senders = [SendUntilEndAsync(association), SendUntilEndAsync(association)];
            for (int datagram = 0; datagram < 20; datagram++)
            {
                socket.Arrives([1, 2, 3], Remote);
            }

            Task dispose = Task.Run(() => association.DisposeAsync().AsTask());
            Time.Advance(WriteIdleTimeout * 2);
            await Task.WhenAll([loop, dispose, .. senders]).WaitAsync(Limit).ConfigureAwait(false);
            await EventuallyAsync(() => socket.DisposeCount == 1, "the socket was disposed").ConfigureAwait(false);
        }

        static Task SendUntilEndAsync(IPacketAssociation association) => Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    await association.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false);
                }
            }
            catch (Exception exception) when (exception is ObjectDisposedException or NetworkException { Error: NetworkError.Closed })
            {
                // What this test is about: nothing else comes.
            }
        });
    }

    /// <summary>Lets pauses after errors end whose owner isn't told by a disposal.</summary>
    private async Task PassPausesAsync()
    {
        int step = 0;
        await EventuallyAsync(
            () =>
            {
                Time.Advance(TimeSpan.FromMilliseconds(250));
                return Time.ActiveTimers == 0 || step++ > 1000;
            },
            "the pauses are over").ConfigureAwait(false);
        Assert.That(Time.ActiveTimers, Is.Zero);
    }
}
