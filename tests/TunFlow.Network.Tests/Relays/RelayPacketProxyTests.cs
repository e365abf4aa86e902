using System.Net;
using Moq;
using TunFlow.Network.Relays;
using TunFlow.Testing;
using static TunFlow.Network.Tests.RelayBuilder;

namespace TunFlow.Network.Tests;

internal sealed class RelayPacketProxyTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    private readonly List<FakePacketConnection> _connections = [];
    private ManualTimeProvider _time = null!;
    private PacketListenerRelay _relay = null!;
    private RelayPacketProxy _proxy = null!;

    [SetUp]
    public void SetUp()
    {
        _connections.Clear();
        _time = new ManualTimeProvider();
        _relay = new PacketListenerRelay(Listener(_connections), TimeSpan.FromSeconds(30), _time);
        _proxy = _relay.AsPacketProxy(_time);
    }

    [Test]
    public async Task NullArgumentsAreRejected()
    {
        Assert.That(() => ((IPacketRelay)null!).AsPacketProxy(), Throws.ArgumentNullException);
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await _proxy.NewSessionAsync(null!));
        Assert.That(_connections, Is.Empty);
    }

    [Test]
    public async Task AFailingRelayFailsTheSessionAndTouchesNoReceiver()
    {
        Mock<IPacketRelay> relay = new();
        relay.Setup(target => target.NewAssociationAsync(It.IsAny<CancellationToken>())).ThrowsAsync(new NetworkException(NetworkError.ResourceExhausted));
        RecordingReceiver receiver = new();
        await AssertErrorAsync(NetworkError.ResourceExhausted, async () => await relay.Object.AsPacketProxy().NewSessionAsync(receiver));
        Assert.That(receiver.DisposeCount, Is.Zero);
    }

    [Test]
    public async Task DatagramsPassBothWaysAndEmptyOnesAreNotSent()
    {
        RecordingReceiver receiver = new();
        await using IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver);
        _connections[0].Receives([4, 5], OtherRemote);
        (byte[] payload, IPEndPoint source) = await receiver.NextAsync();
        Assert.That((payload.Length, payload[1], source), Is.EqualTo((2, (byte)5, OtherRemote)));
        await sender.WriteToAsync(ReadOnlyMemory<byte>.Empty, Remote);
        await sender.WriteToAsync(new byte[] { 1, 2, 3 }, Remote);
        Assert.That(_connections[0].Sent.Select(sent => (sent.Payload.Length, sent.Destination)), Is.EqualTo(new[] { (3, Remote) }));
        await Eventually.IsAsync(() => _proxy.GetStatistics().DatagramsReceived == 1, "counted");
        Assert.That(_proxy.GetStatistics(), Has.Property("DatagramsSent").EqualTo(1).And.Property("ActiveAssociations").EqualTo(1));
    }

    [Test]
    public async Task ASessionReceivesBeforeItEverSendsAndDeliversOutsideTheOpening()
    {
        Mock<IPacketAssociation> association = new();
        Queue<Func<ValueTask<ReceivedDatagram>>> receives = new(
        [
            () => default,
            () => ValueTask.FromResult(new ReceivedDatagram(5, Remote, false)),
            () => ValueTask.FromException<ReceivedDatagram>(new NetworkException(NetworkError.Closed)),
        ]);
        association.Setup(target => target.ReceivePacketAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>())).Returns(() => receives.Dequeue()());
        RecordingReceiver receiver = new();
        using ManualResetEventSlim opened = new();
        receiver.OnWrite = _ => opened.Wait(s_limit) ? ValueTask.CompletedTask : throw new TimeoutException();
        await using IPacketRequestSender sender = await Relay(association.Object).AsPacketProxy().NewSessionAsync(receiver);
        opened.Set();
        Assert.That((await receiver.NextAsync()).Payload, Has.Length.EqualTo(5));
        await receiver.Disposed.WaitAsync(s_limit);
    }

    [Test]
    public async Task TheEndOfTheAssociationDisposesTheReceiverOnceAndClosesTheSender()
    {
        RecordingReceiver receiver = new();
        IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver);
        _time.Advance(TimeSpan.FromSeconds(31));
        await receiver.Disposed.WaitAsync(s_limit);
        await AssertErrorAsync(NetworkError.Closed, () => sender.WriteToAsync(new byte[1], Remote));
        await sender.DisposeAsync();
        await sender.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await sender.WriteToAsync(new byte[1], Remote));
        Assert.That((receiver.DisposeCount, _connections[0].DisposeCount, _proxy.GetStatistics().ActiveAssociations), Is.EqualTo((1, 1, 0L)));
    }

    [Test]
    public async Task AnExpiredAssociationIsClosedToASendThatComesBeforeTheLoopSeesIt()
    {
        Mock<IPacketAssociation> association = new();
        TaskCompletionSource<ReceivedDatagram> receive = new(TaskCreationOptions.RunContinuationsAsynchronously);
        association.Setup(target => target.ReceivePacketAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>())).Returns(new ValueTask<ReceivedDatagram>(receive.Task));
        association.Setup(target => target.SendPacketAsync(It.IsAny<ReadOnlyMemory<byte>>(), Remote, It.IsAny<CancellationToken>())).Throws(new ObjectDisposedException("association"));
        RecordingReceiver receiver = new();
        IPacketRequestSender sender = await Relay(association.Object).AsPacketProxy().NewSessionAsync(receiver);
        await AssertErrorAsync(NetworkError.Closed, () => sender.WriteToAsync(new byte[1], Remote));
        receive.SetException(new NetworkException(NetworkError.Closed));
        await receiver.Disposed.WaitAsync(s_limit);
        association.Verify(target => target.DisposeAsync(), Times.Once());
        await sender.DisposeAsync();
    }

    [Test]
    public async Task FiftyConcurrentDisposalsCloseBothSidesOnce()
    {
        RecordingReceiver receiver = new();
        IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver);
        receiver.OnDispose = () => sender.DisposeAsync();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => sender.DisposeAsync().AsTask()))).WaitAsync(s_limit);
        await receiver.Disposed.WaitAsync(s_limit);
        Assert.That((_connections[0].DisposeCount, receiver.DisposeCount, _time.ActiveTimers), Is.EqualTo((1, 1, 0)));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await sender.WriteToAsync(new byte[1], Remote));
    }

    [Test]
    public async Task DisposingFromWithinADeliveryDoesNotDeadlock()
    {
        RecordingReceiver receiver = new();
        IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver);
        receiver.OnWrite = _ => sender.DisposeAsync();
        _connections[0].Receives([1], Remote);
        await receiver.Disposed.WaitAsync(s_limit);
        Assert.That(_connections[0].DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task AClosedReceiverEndsTheSessionAndAnyOtherErrorCostsOneDatagram()
    {
        RecordingReceiver receiver = new()
        {
            OnWrite = payload => payload.Span[0] switch
            {
                1 => throw new InvalidOperationException("no room"),
                2 => throw new NetworkException(NetworkError.Closed),
                _ => ValueTask.CompletedTask,
            },
        };
        IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver);
        _connections[0].Receives([1], Remote);
        _connections[0].Receives([3], Remote);
        Assert.That((await receiver.NextAsync()).Payload, Is.EqualTo(new byte[] { 3 }));
        _connections[0].Receives([2], Remote);
        await receiver.Disposed.WaitAsync(s_limit);
        Assert.That((_connections[0].DisposeCount, _proxy.GetStatistics().DroppedByReceiver), Is.EqualTo((1, 2L)));
        await sender.DisposeAsync();
    }

    [Test]
    public async Task AnExceptionOfTheReceiversDisposalReachesTheDisposerOrIsCounted()
    {
        RecordingReceiver receiver = new() { OnDispose = () => throw new InvalidOperationException("receiver") };
        IPacketRequestSender disposed = await _proxy.NewSessionAsync(receiver);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await disposed.DisposeAsync());
        await _proxy.NewSessionAsync(receiver);
        _time.Advance(TimeSpan.FromSeconds(31));
        await Eventually.IsAsync(() => _proxy.GetStatistics().DisposeErrors == 1, "counted");
        Assert.That(_connections.TrueForAll(connection => connection.DisposeCount == 1), Is.True);
    }

    [Test]
    public async Task AReceiverThatWantsToKnowIsToldOfUnreachableDestinations()
    {
        Mock<IPacketErrorReceiver> receiver = new();
        TaskCompletionSource<(NetworkError, IPEndPoint)> told = new(TaskCreationOptions.RunContinuationsAsynchronously);
        receiver.Setup(target => target.ReportUnreachableAsync(It.IsAny<NetworkError>(), It.IsAny<IPEndPoint>(), It.IsAny<CancellationToken>()))
            .Callback((NetworkError error, IPEndPoint destination, CancellationToken _) => told.TrySetResult((error, destination)))
            .Throws(new InvalidOperationException("foreign"));
        await using IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver.Object);
        _connections[0].FailsToReceive(new NetworkException(NetworkError.HostUnreachable) { Destination = Remote });
        Assert.That(await told.Task.WaitAsync(s_limit), Is.EqualTo((NetworkError.HostUnreachable, Remote)));
        await sender.WriteToAsync(new byte[1], Remote);
        Assert.That(_connections[0].Sent, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task ForOtherReceiversTheNextSendToAnUnreachableDestinationFailsOnce()
    {
        await using IPacketRequestSender sender = await _proxy.NewSessionAsync(new RecordingReceiver());
        _connections[0].FailsToReceive(new NetworkException(NetworkError.PortUnreachable) { Destination = Remote });
        await Eventually.IsAsync(() => _proxy.GetStatistics().UnreachableReports == 1, "the report came");
        await sender.WriteToAsync(new byte[1], OtherRemote);
        await Eventually.IsAsync(
            () =>
            {
                try
                {
                    sender.WriteToAsync(new byte[1], Remote).AsTask().GetAwaiter().GetResult();
                    return false;
                }
                catch (NetworkException exception)
                {
                    return exception.Error == NetworkError.PortUnreachable;
                }
            },
            "the report failed a send");
        await sender.WriteToAsync(new byte[1], Remote);
    }

    [Test]
    public async Task AnAssociationThatDoesNothingButFailIsAskedLessAndLess()
    {
        Mock<IPacketAssociation> association = new();
        association.Setup(target => target.ReceivePacketAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>())).Throws(new InvalidDataException());
        RecordingReceiver receiver = new();
        RelayPacketProxy proxy = Relay(association.Object).AsPacketProxy(_time);
        IPacketRequestSender sender = await proxy.NewSessionAsync(receiver);
        await Eventually.IsAsync(() => _time.ActiveTimers == 1, "the loop pauses");
        Assert.That(proxy.GetStatistics().ReceiveErrors, Is.EqualTo(17));
        await sender.DisposeAsync();
        await receiver.Disposed.WaitAsync(s_limit);
        await Eventually.IsAsync(() => _time.ActiveTimers == 0, "the pause ended");
        Assert.That(proxy.GetStatistics().ReceiveErrors, Is.EqualTo(17));
    }

    [Test]
    public async Task AnAssociationThatReportsUnreachableDestinationsWithoutEndIsAskedLessAndLess()
    {
        Mock<IPacketAssociation> association = new();
        association.Setup(target => target.ReceivePacketAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>()))
            .Throws(() => new NetworkException(NetworkError.PortUnreachable) { Destination = Remote });
        RecordingReceiver receiver = new();
        RelayPacketProxy proxy = Relay(association.Object).AsPacketProxy(_time);
        IPacketRequestSender sender = await proxy.NewSessionAsync(receiver);
        await Eventually.IsAsync(() => _time.ActiveTimers == 1, "the loop pauses");
        Assert.That(proxy.GetStatistics().UnreachableReports, Is.EqualTo(17));
        await sender.DisposeAsync();
        await receiver.Disposed.WaitAsync(s_limit);
        await Eventually.IsAsync(() => _time.ActiveTimers == 0, "the pause ended");
        Assert.That(proxy.GetStatistics().UnreachableReports, Is.EqualTo(17));
    }

    [Test]
    public async Task AReceiverThatSaysClosedToAReportEndsTheSession()
    {
        Mock<IPacketErrorReceiver> receiver = new();
        TaskCompletionSource disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        receiver.Setup(target => target.ReportUnreachableAsync(It.IsAny<NetworkError>(), It.IsAny<IPEndPoint>(), It.IsAny<CancellationToken>()))
            .Throws(new NetworkException(NetworkError.Closed));
        receiver.Setup(target => target.DisposeAsync()).Callback(disposed.SetResult);
        IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver.Object);
        _connections[0].FailsToReceive(new NetworkException(NetworkError.HostUnreachable) { Destination = Remote });
        await disposed.Task.WaitAsync(s_limit);
        await AssertErrorAsync(NetworkError.Closed, () => sender.WriteToAsync(new byte[1], Remote));
        Assert.That((_connections[0].DisposeCount, _proxy.GetStatistics().ActiveAssociations), Is.EqualTo((1, 0L)));
    }

    [Test]
    public async Task ADatagramOfAnImpossibleLengthIsCountedAsCut()
    {
        Mock<IPacketAssociation> association = new();
        association.SetupSequence(target => target.ReceivePacketAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>()))
            .Returns(default(ValueTask<ReceivedDatagram>))
            .Returns(new ValueTask<ReceivedDatagram>(new ReceivedDatagram(1_000_000, Remote, Truncated: false)))
            .Throws(new NetworkException(NetworkError.Closed));
        RecordingReceiver receiver = new();
        RelayPacketProxy proxy = Relay(association.Object).AsPacketProxy(_time);
        await proxy.NewSessionAsync(receiver);
        await receiver.Disposed.WaitAsync(s_limit);
        Assert.That((proxy.GetStatistics().DatagramsTruncated, proxy.GetStatistics().DroppedByReceiver, receiver.Waiting), Is.EqualTo((1L, 0L, 0)));
    }

    [Test]
    public async Task ARelayThatReturnsNothingIsReported() =>
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await Relay(null!).AsPacketProxy().NewSessionAsync(new RecordingReceiver()));

    private static IPacketRelay Relay(IPacketAssociation association)
    {
        Mock<IPacketRelay> relay = new();
        relay.Setup(target => target.NewAssociationAsync(It.IsAny<CancellationToken>())).Returns(() => new ValueTask<IPacketAssociation>(association));
        return relay.Object;
    }
}
