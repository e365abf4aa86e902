using System.Net;
using Moq;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class PacketListenerProxyTests
{
    private static readonly IPEndPoint s_remote = new(IPAddress.Parse("192.0.2.7"), 53);

    [Test]
    public void TheWriteIdleTimeoutIsThirtySecondsUnlessSet()
    {
        IPacketListener listener = Mock.Of<IPacketListener>();
        Assert.That(new PacketListenerProxy(listener).WriteIdleTimeout, Is.EqualTo(TimeSpan.FromSeconds(30)));
        PacketListenerProxyOptions options = new() { WriteIdleTimeout = TimeSpan.FromMinutes(5) };
        Assert.That(new PacketListenerProxy(listener, options).WriteIdleTimeout, Is.EqualTo(TimeSpan.FromMinutes(5)));
    }

    [TestCase(0)]
    [TestCase(-1)]
    public void AWriteIdleTimeoutThatIsNotPositiveIsRejected(int seconds) =>
        Assert.That(() => new PacketListenerProxyOptions { WriteIdleTimeout = TimeSpan.FromSeconds(seconds) }, Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public async Task NullArgumentsAreRejected()
    {
        Assert.That(() => new PacketListenerProxy(null!), Throws.ArgumentNullException);
        PacketListenerProxy proxy = new(Mock.Of<IPacketListener>());
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await proxy.NewSessionAsync(null!));
    }

    [Test]
    public async Task AFailingListenerFailsTheSessionAndTouchesNoReceiver()
    {
        Mock<IPacketListener> listener = new();
        listener.Setup(target => target.ListenPacketAsync(It.IsAny<CancellationToken>())).ThrowsAsync(new NetworkException(NetworkError.ResourceExhausted));
        RecordingReceiver receiver = new();
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await new PacketListenerProxy(listener.Object).NewSessionAsync(receiver));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.ResourceExhausted));
        Assert.That(receiver.DisposeCount, Is.Zero);
    }

    [Test]
    public async Task DatagramsPassBothWays()
    {
        Session session = await OpenAsync();
        await session.Sender.WriteToAsync(new byte[] { 1, 2, 3 }, s_remote);
        Assert.That(session.Connection.Sent, Has.Count.EqualTo(1));
        Assert.That(session.Connection.Sent[0].Payload, Is.EqualTo(new byte[] { 1, 2, 3 }));
        Assert.That(session.Connection.Sent[0].Destination, Is.EqualTo(s_remote));
        session.Connection.Receives([4, 5], s_remote);
        (byte[] payload, IPEndPoint source) = await session.Receiver.NextAsync();
        Assert.That(payload, Is.EqualTo(new byte[] { 4, 5 }));
        Assert.That(source, Is.EqualTo(s_remote));
        await session.Sender.DisposeAsync();
    }

    [Test]
    public async Task AnEmptyPayloadIsIgnored()
    {
        Session session = await OpenAsync();
        await session.Sender.WriteToAsync(ReadOnlyMemory<byte>.Empty, s_remote);
        Assert.That(session.Connection.Sent, Is.Empty);
        await session.Sender.DisposeAsync();
    }

    [Test]
    public async Task BadDatagramsAreCountedAndTheSessionGoesOn()
    {
        Session session = await OpenAsync();
        session.Connection.FailsToReceive(new NetworkException(NetworkError.PortUnreachable));
        session.Connection.FailsToReceive(new InvalidDataException("undecryptable"));
        session.Connection.FailsToReceive(new NetworkException(NetworkError.ProtocolViolation));
        session.Connection.Receives(new byte[2048], s_remote, truncated: true);
        session.Connection.Receives([1], source: null);
        session.Connection.Receives([9], s_remote);
        Assert.That((await session.Receiver.NextAsync()).Payload, Is.EqualTo(new byte[] { 9 }));
        PacketListenerProxyStatistics statistics = session.Proxy.GetStatistics();
        Assert.That(statistics.ReceiveErrors, Is.EqualTo(3));
        Assert.That(statistics.DroppedTruncated, Is.EqualTo(1));
        Assert.That(statistics.DroppedUnknownSource, Is.EqualTo(1));
        await session.Sender.WriteToAsync(new byte[1], s_remote);
        Assert.That(session.Connection.Sent, Has.Count.EqualTo(1));
        await session.Sender.DisposeAsync();
    }

    [Test]
    public async Task AnUnreachableDestinationFailsItsNextSendOnce()
    {
        Session session = await OpenAsync();
        IPEndPoint other = new(s_remote.Address, 54);
        session.Connection.FailsToReceive(new NetworkException(NetworkError.PortUnreachable) { Destination = new IPEndPoint(s_remote.Address, s_remote.Port) });
        await Eventually.IsAsync(() => session.Proxy.GetStatistics().UnreachableReports == 1, "the report came");
        await session.Sender.WriteToAsync(new byte[1], other);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await session.Sender.WriteToAsync(new byte[1], s_remote));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.PortUnreachable));
        await session.Sender.WriteToAsync(new byte[1], s_remote);
        Assert.That(session.Connection.Sent, Has.Count.EqualTo(2));
        await session.Sender.DisposeAsync();
    }

    [Test]
    public async Task AReceiverThatWantsToKnowIsToldOfUnreachableDestinations()
    {
        List<FakePacketConnection> connections = [];
        Mock<IPacketErrorReceiver> receiver = new();
        TaskCompletionSource<(NetworkError, IPEndPoint)> told = new(TaskCreationOptions.RunContinuationsAsynchronously);
        receiver.Setup(target => target.ReportUnreachableAsync(It.IsAny<NetworkError>(), It.IsAny<IPEndPoint>(), It.IsAny<CancellationToken>()))
            .Callback((NetworkError error, IPEndPoint destination, CancellationToken _) => told.TrySetResult((error, destination)));
        await using IPacketRequestSender sender = await new PacketListenerProxy(Listener(connections)).NewSessionAsync(receiver.Object);
        connections[0].FailsToReceive(new NetworkException(NetworkError.HostUnreachable) { Destination = s_remote });
        Assert.That(await told.Task.WaitAsync(TimeSpan.FromSeconds(10)), Is.EqualTo((NetworkError.HostUnreachable, s_remote)));
        await sender.WriteToAsync(new byte[1], s_remote);
        Assert.That(connections[0].Sent, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task ManyErrorsInARowSlowTheLoopDownButDoNotEndIt()
    {
        Session session = await OpenAsync();
        for (int i = 0; i < 40; i++)
        {
            session.Connection.FailsToReceive(new InvalidDataException());
        }

        session.Connection.Receives([7], s_remote);
        await Eventually.IsAsync(() => session.Proxy.GetStatistics().ReceiveErrors == 17, "17 errors, then a pause");
        while (session.Receiver.Waiting == 0)
        {
            session.Time.Advance(TimeSpan.FromMilliseconds(250));
            await Task.Delay(1);
            Assert.That(session.Time.Elapsed, Is.LessThan(TimeSpan.FromMinutes(1)));
            await session.Sender.WriteToAsync(new byte[1], s_remote);
        }

        Assert.That((await session.Receiver.NextAsync()).Payload, Is.EqualTo(new byte[] { 7 }));
        await session.Sender.DisposeAsync();
    }

    [Test]
    public async Task AReceiverThatRefusesADatagramGetsTheNextOne()
    {
        Session session = await OpenAsync();
        session.Receiver.OnWrite = payload => payload.Span[0] == 1 ? throw new InvalidOperationException("no room") : ValueTask.CompletedTask;
        session.Connection.Receives([1], s_remote);
        session.Connection.Receives([2], s_remote);
        Assert.That((await session.Receiver.NextAsync()).Payload, Is.EqualTo(new byte[] { 2 }));
        Assert.That(session.Proxy.GetStatistics().DroppedByReceiver, Is.EqualTo(1));
        await session.Sender.DisposeAsync();
    }

    [Test]
    public async Task AClosedReceiverEndsTheSession()
    {
        Session session = await OpenAsync();
        session.Receiver.OnWrite = _ => throw new NetworkException(NetworkError.Closed);
        session.Connection.Receives([1], s_remote);
        await session.Receiver.Disposed.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(session.Connection.DisposeCount, Is.EqualTo(1));
        await AssertClosedAsync(session.Sender);
        await session.Sender.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await session.Sender.WriteToAsync(new byte[1], s_remote));
    }

    [Test]
    public async Task AFailedSendIsTheCallersAndTheSessionGoesOn()
    {
        Session session = await OpenAsync();
        session.Connection.SendError = new NetworkException(NetworkError.MessageTooLarge);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await session.Sender.WriteToAsync(new byte[1], s_remote));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.MessageTooLarge));
        session.Connection.SendError = null;
        await session.Sender.WriteToAsync(new byte[1], s_remote);
        Assert.That((session.Proxy.GetStatistics().SendErrors, session.Proxy.GetStatistics().DatagramsSent), Is.EqualTo((1L, 1L)));
        await session.Sender.DisposeAsync();
    }

    [Test]
    public async Task SendingKeepsASessionAliveAndReceivingDoesNot()
    {
        Session session = await OpenAsync(TimeSpan.FromSeconds(32));
        for (int i = 0; i < 5; i++)
        {
            session.Time.Advance(TimeSpan.FromSeconds(31));
            await session.Sender.WriteToAsync(new byte[1], s_remote);
            session.Connection.Receives([1], s_remote);
            await session.Receiver.NextAsync();
        }

        session.Time.Advance(TimeSpan.FromSeconds(31));
        Assert.That(session.Connection.DisposeCount, Is.Zero);
        session.Connection.Receives([1], s_remote);
        await session.Receiver.NextAsync();
        session.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(session.Connection.DisposeCount, Is.EqualTo(1));
        await session.Receiver.Disposed.WaitAsync(TimeSpan.FromSeconds(10));
        await AssertClosedAsync(session.Sender);
        Assert.That(session.Proxy.GetStatistics(), Has.Property("ActiveSessions").EqualTo(0).And.Property("SessionsExpired").EqualTo(1));
        await session.Sender.DisposeAsync();
        Assert.That(session.Receiver.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task OneTimerServesAllSessionsAndStopsWithTheLast()
    {
        ManualTimeProvider time = new();
        List<FakePacketConnection> connections = [];
        PacketListenerProxy proxy = new(Listener(connections), new PacketListenerProxyOptions { TimeProvider = time });
        Assert.That(time.ActiveTimers, Is.Zero);
        for (int i = 0; i < 1000; i++)
        {
            await proxy.NewSessionAsync(new RecordingReceiver());
            time.Advance(TimeSpan.FromMilliseconds(7));
        }

        Assert.That(time.ActiveTimers, Is.EqualTo(1));
        Assert.That(proxy.GetStatistics().ActiveSessions, Is.EqualTo(1000));
        time.Advance(TimeSpan.FromSeconds(31));
        await Eventually.IsAsync(() => proxy.GetStatistics().ActiveSessions == 0, "all sessions are over");
        Assert.That(connections.TrueForAll(connection => connection.DisposeCount == 1), Is.True);
        Assert.That(time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task DisposingTheSenderClosesSocketAndReceiverOnce()
    {
        Session session = await OpenAsync();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => session.Sender.DisposeAsync().AsTask()))).WaitAsync(TimeSpan.FromSeconds(10));
        await session.Receiver.Disposed.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That((session.Connection.DisposeCount, session.Receiver.DisposeCount), Is.EqualTo((1, 1)));
        Assert.That(session.Time.ActiveTimers, Is.Zero);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await session.Sender.WriteToAsync(new byte[1], s_remote));
    }

    [Test]
    public async Task AReceiverThatDisposesTheSenderInTurnDoesNotDeadlock()
    {
        Session session = await OpenAsync();
        session.Receiver.OnDispose = () => session.Sender.DisposeAsync();
        await session.Sender.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That((session.Connection.DisposeCount, session.Receiver.DisposeCount), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task DisposingFromWithinADeliveryDoesNotDeadlock()
    {
        Session session = await OpenAsync();
        session.Receiver.OnWrite = _ => session.Sender.DisposeAsync();
        session.Connection.Receives([1], s_remote);
        await session.Receiver.Disposed.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(session.Connection.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task AnExceptionOfTheReceiversDisposalReachesTheDisposer()
    {
        Session session = await OpenAsync();
        session.Receiver.OnDispose = () => throw new InvalidOperationException("receiver");
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await session.Sender.DisposeAsync());
        Assert.That(session.Connection.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task AnExceptionOfTheReceiversDisposalAfterExpiryIsCounted()
    {
        Session session = await OpenAsync();
        session.Receiver.OnDispose = () => throw new InvalidOperationException("receiver");
        session.Time.Advance(TimeSpan.FromSeconds(31));
        await Eventually.IsAsync(() => session.Proxy.GetStatistics().DisposeErrors == 1, "the exception was counted");
        await session.Sender.DisposeAsync();
    }

    private static async Task AssertClosedAsync(IPacketRequestSender sender)
    {
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await sender.WriteToAsync(new byte[1], s_remote));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
    }

    private static IPacketListener Listener(List<FakePacketConnection> connections)
    {
        Mock<IPacketListener> listener = new();
        listener.Setup(target => target.ListenPacketAsync(It.IsAny<CancellationToken>())).Returns(() =>
        {
            FakePacketConnection connection = new();
            connections.Add(connection);
            return new ValueTask<IPacketConnection>(connection);
        });
        return listener.Object;
    }

    private static async Task<Session> OpenAsync(TimeSpan? timeout = null)
    {
        List<FakePacketConnection> connections = [];
        ManualTimeProvider time = new();
        PacketListenerProxy proxy = new(Listener(connections), new PacketListenerProxyOptions
        {
            TimeProvider = time,
            WriteIdleTimeout = timeout ?? PacketListenerProxyOptions.DefaultWriteIdleTimeout,
        });
        RecordingReceiver receiver = new();
        IPacketRequestSender sender = await proxy.NewSessionAsync(receiver);
        return new Session(proxy, sender, connections[0], receiver, time);
    }

    private sealed record Session(PacketListenerProxy Proxy, IPacketRequestSender Sender, FakePacketConnection Connection, RecordingReceiver Receiver, ManualTimeProvider Time);
}
