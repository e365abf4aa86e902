using System.Net;
using Moq;
using TunFlow.Network.Relays;
using TunFlow.Testing;
using static TunFlow.Network.Tests.RelayBuilder;

namespace TunFlow.Network.Tests;

internal sealed class ProxyPacketRelayTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    [Test]
    public void NullAndSenselessBoundsAreRejected()
    {
        Assert.That(() => ((IPacketProxy)null!).AsPacketRelay(), Throws.ArgumentNullException);
        Assert.That(() => new ProxyPacketRelayOptions { MaxQueuedDatagrams = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ProxyPacketRelayOptions { MaxQueuedBytes = 65_535 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        ProxyPacketRelayOptions options = new();
        Assert.That((options.MaxQueuedDatagrams, options.MaxQueuedBytes), Is.EqualTo((64, 262_144)));
    }

    [Test]
    public async Task ResponsesBeforeTheOpeningReturnsAreReceivedInOrder()
    {
        Session session = await OpenAsync(whileOpening: async receiver =>
        {
            for (byte i = 0; i < 10; i++)
            {
                await receiver.WriteFromAsync(new[] { i }, i % 2 == 0 ? Remote : OtherRemote);
            }
        });
        byte[] buffer = new byte[10];
        for (byte i = 0; i < 10; i++)
        {
            ReceivedDatagram datagram = await session.Association.ReceivePacketAsync(buffer);
            Assert.That((datagram.Length, buffer[0], datagram.Source), Is.EqualTo((1, i, i % 2 == 0 ? Remote : OtherRemote)));
        }

        await session.Association.DisposeAsync();
    }

    [Test]
    public async Task ThePayloadIsCopied()
    {
        Session session = await OpenAsync();
        byte[] payload = [1, 2, 3];
        await session.Receiver.WriteFromAsync(payload, Remote);
        payload.AsSpan().Clear();
        byte[] buffer = new byte[3];
        await session.Association.ReceivePacketAsync(buffer);
        Assert.That(buffer, Is.EqualTo(new byte[] { 1, 2, 3 }));
        await session.Association.DisposeAsync();
    }

    [Test]
    public async Task AFullQueueDropsTheNewestAndCountsThem()
    {
        Session session = await OpenAsync(options: new ProxyPacketRelayOptions { MaxQueuedDatagrams = 5 });
        for (byte i = 0; i < 8; i++)
        {
            await session.Receiver.WriteFromAsync(new[] { i }, Remote);
        }

        Assert.That(await DrainAsync(session.Association), Is.EqualTo(new byte[] { 0, 1, 2, 3, 4 }));
        Assert.That(session.Relay.GetStatistics().DroppedQueueFull, Is.EqualTo(3));
        await session.Receiver.WriteFromAsync(new byte[] { 9 }, Remote);
        Assert.That(await DrainAsync(session.Association), Is.EqualTo(new byte[] { 9 }));
        await session.Association.DisposeAsync();
    }

    [Test]
    public async Task TheBytesThatWaitAreBoundedAndTheLargestDatagramAlwaysFits()
    {
        Session session = await OpenAsync(options: new ProxyPacketRelayOptions { MaxQueuedBytes = 65_536 });
        for (int i = 0; i < 3; i++)
        {
            await session.Receiver.WriteFromAsync(new byte[65_507], Remote);
            await session.Receiver.WriteFromAsync(new byte[1], Remote);
            ReceivedDatagram datagram = await session.Association.ReceivePacketAsync(new byte[65_536]);
            Assert.That((datagram.Length, session.Relay.GetStatistics().DroppedQueueFull), Is.EqualTo((65_507, i + 1L)));
        }

        for (int i = 0; i < 70; i++)
        {
            await session.Receiver.WriteFromAsync(new byte[2000], Remote);
        }

        // Their buffers count, which hold 2,048 bytes.
        Assert.That(await DrainAsync(session.Association), Has.Count.EqualTo(32));
        await session.Association.DisposeAsync();
    }

    [Test]
    public async Task AProxyThatAnswersFromWithinASendNeverWaits()
    {
        Session session = await OpenAsync();
        session.Sender.Setup(target => target.WriteToAsync(It.IsAny<ReadOnlyMemory<byte>>(), Remote, It.IsAny<CancellationToken>()))
            .Returns((ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken token) => session.Receiver.WriteFromAsync(payload, destination, token));
        for (int i = 0; i < 100; i++)
        {
            await session.Association.SendPacketAsync(new byte[] { (byte)i }, Remote).AsTask().WaitAsync(s_limit);
        }

        Assert.That(await DrainAsync(session.Association), Is.EqualTo(Enumerable.Range(0, 64)));
        Assert.That(session.Relay.GetStatistics().DroppedQueueFull, Is.EqualTo(36));
        await session.Association.DisposeAsync();
    }

    [Test]
    public async Task WhenTheProxyEndsTheSessionWhatWaitsIsReceivedFirst()
    {
        Session session = await OpenAsync();
        await session.Receiver.WriteFromAsync(new byte[] { 1 }, Remote);
        await session.Receiver.DisposeAsync();
        await session.Receiver.DisposeAsync();
        session.Sender.Verify(target => target.DisposeAsync(), Times.Once());
        await AssertErrorAsync(NetworkError.Closed, () => session.Association.SendPacketAsync(new byte[1], Remote));
        Assert.That(await DrainAsync(session.Association), Is.EqualTo(new byte[] { 1 }));
        await AssertErrorAsync(NetworkError.Closed, async () => await session.Association.ReceivePacketAsync(new byte[10]));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await session.Receiver.WriteFromAsync(new byte[1], Remote));
        await session.Association.DisposeAsync();
        session.Sender.Verify(target => target.DisposeAsync(), Times.Once());
        Assert.That(session.Relay.GetStatistics().ActiveAssociations, Is.Zero);
    }

    [Test]
    public async Task DisposingTheAssociationDisposesTheSenderOnceAndTellsTheProxyClosed()
    {
        Session session = await OpenAsync();
        await session.Receiver.WriteFromAsync(new byte[] { 1 }, Remote);
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => session.Association.DisposeAsync().AsTask()))).WaitAsync(s_limit);
        session.Sender.Verify(target => target.DisposeAsync(), Times.Once());
        await AssertErrorAsync(NetworkError.Closed, () => session.Receiver.WriteFromAsync(new byte[1], Remote));
        await session.Receiver.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await session.Association.ReceivePacketAsync(new byte[10]));
        session.Sender.Verify(target => target.DisposeAsync(), Times.Once());
    }

    [Test]
    public async Task AProxyThatDisposesTheReceiverWithinTheSendersDisposalDoesNotDeadlock()
    {
        Session session = await OpenAsync();
        session.Sender.Setup(target => target.DisposeAsync()).Returns(() => session.Receiver.DisposeAsync());
        await session.Association.DisposeAsync().AsTask().WaitAsync(s_limit);
        session.Sender.Verify(target => target.DisposeAsync(), Times.Once());
    }

    [Test]
    public async Task TheReceiversDisposalDoesNotWaitForTheSenders()
    {
        Session session = await OpenAsync();
        TaskCompletionSource never = new();
        session.Sender.Setup(target => target.DisposeAsync()).Returns(new ValueTask(never.Task));
        await session.Receiver.DisposeAsync().AsTask().WaitAsync(s_limit);
        session.Sender.Verify(target => target.DisposeAsync(), Times.Once());
        never.SetException(new InvalidOperationException("sender"));
        await Eventually.IsAsync(() => session.Relay.GetStatistics().DisposeErrors == 1, "counted");
    }

    [Test]
    public async Task AProxyThatEndsTheSessionBeforeItReturnsTheSenderHasItDisposed()
    {
        Session session = await OpenAsync(whileOpening: async receiver =>
        {
            await receiver.WriteFromAsync(new byte[] { 7 }, Remote);
            await receiver.DisposeAsync();
        });
        session.Sender.Verify(target => target.DisposeAsync(), Times.Once());
        await AssertErrorAsync(NetworkError.Closed, () => session.Association.SendPacketAsync(new byte[1], Remote));
        Assert.That(await DrainAsync(session.Association), Is.EqualTo(new byte[] { 7 }));
        await session.Association.DisposeAsync();
        Assert.That(session.Relay.GetStatistics(), Has.Property("ActiveAssociations").EqualTo(0).And.Property("AssociationsOpened").EqualTo(1));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task AFailedOpeningReachesTheCallerAndLaterResponsesAreClosed(bool endsFirst)
    {
        IPacketResponseReceiver? kept = null;
        Mock<IPacketProxy> proxy = new();
        proxy.Setup(target => target.NewSessionAsync(It.IsAny<IPacketResponseReceiver>(), It.IsAny<CancellationToken>()))
            .Returns(async (IPacketResponseReceiver receiver, CancellationToken _) =>
            {
                kept = receiver;
                if (endsFirst)
                {
                    await receiver.DisposeAsync();
                }

                throw new NetworkException(NetworkError.AccessDenied);
            });
        ProxyPacketRelay relay = proxy.Object.AsPacketRelay();
        await AssertErrorAsync(NetworkError.AccessDenied, async () => await relay.NewAssociationAsync());
        if (endsFirst)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(async () => await kept!.WriteFromAsync(new byte[1], Remote));
        }
        else
        {
            await AssertErrorAsync(NetworkError.Closed, () => kept!.WriteFromAsync(new byte[1], Remote));
        }

        Assert.That(relay.GetStatistics(), Is.EqualTo(new PacketRelayStatistics()));
    }

    [Test]
    public async Task AClosedSenderEndsTheAssociation()
    {
        Session session = await OpenAsync();
        session.Sender.Setup(target => target.WriteToAsync(It.IsAny<ReadOnlyMemory<byte>>(), Remote, It.IsAny<CancellationToken>()))
            .Returns(ValueTask.FromException(new NetworkException(NetworkError.Closed)));
        ValueTask<ReceivedDatagram> receive = session.Association.ReceivePacketAsync(new byte[10]);
        await AssertErrorAsync(NetworkError.Closed, () => session.Association.SendPacketAsync(new byte[1], Remote));
        await AssertErrorAsync(NetworkError.Closed, async () => await receive);
        session.Sender.Verify(target => target.DisposeAsync(), Times.Once());
        await session.Association.DisposeAsync();
    }

    [Test]
    public async Task ReportsOfUnreachableDestinationsAreReceivedAsErrorsAndBounded()
    {
        Session session = await OpenAsync();
        IPacketErrorReceiver receiver = (IPacketErrorReceiver)session.Receiver;
        await receiver.WriteFromAsync(new byte[] { 1 }, Remote);
        for (int i = 0; i < 20; i++)
        {
            await receiver.ReportUnreachableAsync(NetworkError.HostUnreachable, OtherRemote);
        }

        for (int i = 0; i < 16; i++)
        {
            NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await session.Association.ReceivePacketAsync(new byte[10]));
            Assert.That((exception.Error, exception.Destination), Is.EqualTo((NetworkError.HostUnreachable, OtherRemote)));
        }

        Assert.That(await DrainAsync(session.Association), Is.EqualTo(new byte[] { 1 }));
        Assert.That(session.Relay.GetStatistics(), Has.Property("UnreachableReports").EqualTo(16).And.Property("DroppedQueueFull").EqualTo(4));
        await session.Association.DisposeAsync();
    }

    [Test]
    public async Task AProxyThatReturnsNothingIsReported()
    {
        Mock<IPacketProxy> proxy = new();
        proxy.Setup(target => target.NewSessionAsync(It.IsAny<IPacketResponseReceiver>(), It.IsAny<CancellationToken>())).Returns(new ValueTask<IPacketRequestSender>((IPacketRequestSender)null!));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await proxy.Object.AsPacketRelay().NewAssociationAsync());
    }

    [Test]
    public async Task WritersOfManyThreadsAndOneReaderLoseNothingWithinTheBound()
    {
        Session session = await OpenAsync(options: new ProxyPacketRelayOptions { MaxQueuedDatagrams = 10_000, MaxQueuedBytes = 16 * 1024 * 1024 });
        int[] last = [-1, -1, -1, -1];
        Task writers = Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            for (int i = 0; i < 2000; i++)
            {
                await session.Receiver.WriteFromAsync(new[] { (byte)writer, (byte)(i >> 8), (byte)i }, Remote);
            }
        })));
        byte[] buffer = new byte[10];
        for (int received = 0; received < 8000; received++)
        {
            await session.Association.ReceivePacketAsync(buffer).AsTask().WaitAsync(s_limit);
            int number = (buffer[1] << 8) | buffer[2];
            Assert.That(number, Is.EqualTo(last[buffer[0]] + 1), "in order per writer");
            last[buffer[0]] = number;
        }

        await writers;
        Assert.That((session.Relay.GetStatistics().DatagramsReceived, session.Relay.GetStatistics().DroppedQueueFull), Is.EqualTo((8000L, 0L)));
        await session.Association.DisposeAsync();
    }

    private static async Task<List<byte>> DrainAsync(IPacketAssociation association)
    {
        List<byte> received = [];
        byte[] buffer = new byte[65_536];
        while (true)
        {
            ValueTask<ReceivedDatagram> receive;
            try
            {
                using CancellationTokenSource cancel = new();
                receive = association.ReceivePacketAsync(buffer, cancel.Token);
                if (!receive.IsCompleted)
                {
                    await cancel.CancelAsync();
                }

                await receive;
            }
            catch (Exception exception) when (exception is OperationCanceledException or NetworkException { Error: NetworkError.Closed })
            {
                return received;
            }

            received.Add(buffer[0]);
        }
    }

    private static async Task<Session> OpenAsync(Func<IPacketResponseReceiver, Task>? whileOpening = null, ProxyPacketRelayOptions? options = null)
    {
        IPacketResponseReceiver? kept = null;
        Mock<IPacketRequestSender> sender = new();
        Mock<IPacketProxy> proxy = new();
        proxy.Setup(target => target.NewSessionAsync(It.IsAny<IPacketResponseReceiver>(), It.IsAny<CancellationToken>()))
            .Returns(async (IPacketResponseReceiver receiver, CancellationToken _) =>
            {
                kept = receiver;
                if (whileOpening is not null)
                {
                    await whileOpening(receiver);
                }

                return sender.Object;
            });
        ProxyPacketRelay relay = proxy.Object.AsPacketRelay(options);
        IPacketAssociation association = await relay.NewAssociationAsync();
        return new Session(relay, association, kept!, sender);
    }

    private sealed record Session(ProxyPacketRelay Relay, IPacketAssociation Association, IPacketResponseReceiver Receiver, Mock<IPacketRequestSender> Sender);
}
