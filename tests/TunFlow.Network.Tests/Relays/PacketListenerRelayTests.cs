using Moq;
using TunFlow.Network.Relays;
using TunFlow.Testing;
using static TunFlow.Network.Tests.RelayBuilder;

namespace TunFlow.Network.Tests;

internal sealed class PacketListenerRelayTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    private readonly List<FakePacketConnection> _connections = [];
    private ManualTimeProvider _time = null!;
    private PacketListenerRelay _relay = null!;

    [SetUp]
    public void SetUp()
    {
        _connections.Clear();
        _time = new ManualTimeProvider();
        _relay = new PacketListenerRelay(Listener(_connections), s_timeout, _time);
    }

    [Test]
    public void ANullListenerIsRejected() => Assert.That(() => new PacketListenerRelay(null!, s_timeout), Throws.ArgumentNullException);

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(-0.001)]
    [TestCase(31 * 86_400)]
    public void AWriteIdleTimeoutThatIsNotPositiveOrEndlessIsRejected(double seconds) =>
        Assert.That(() => new PacketListenerRelay(Mock.Of<IPacketListener>(), TimeSpan.FromSeconds(seconds)), Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public void TheWriteIdleTimeoutIsTheOneGiven() => Assert.That(_relay.WriteIdleTimeout, Is.EqualTo(s_timeout));

    [Test]
    public async Task AnUnusedAssociationEndsThirtySecondsAfterItWasOpened()
    {
        await using IPacketAssociation association = await _relay.NewAssociationAsync();
        Assert.That(_time.NextTimer, Is.EqualTo(s_timeout));
        _time.Advance(s_timeout);
        Assert.That(_connections.Single().DisposeCount, Is.EqualTo(1));
        Assert.That(_time.ActiveTimers, Is.Zero);
        PacketRelayStatistics statistics = _relay.GetStatistics();
        Assert.That((statistics.AssociationsOpened, statistics.AssociationsExpired, statistics.ActiveAssociations), Is.EqualTo((1L, 1L, 0L)));
    }

    [Test]
    public async Task EachSendMovesTheExpiryAndSendsOneDatagram()
    {
        await using IPacketAssociation association = await _relay.NewAssociationAsync();
        for (int i = 1; i <= 3; i++)
        {
            _time.Advance(s_timeout - TimeSpan.FromSeconds(1));
            await association.SendPacketAsync(new byte[1], Remote);
            Assert.That((_connections.Single().Sent.Count, _connections.Single().DisposeCount), Is.EqualTo((i, 0)));
        }

        _time.Advance(s_timeout + (s_timeout / 32));
        Assert.That(_connections.Single().DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task ExpiryEndsAPendingReceiveWithClosedAndClosesTheSocket()
    {
        await using IPacketAssociation association = await _relay.NewAssociationAsync();
        ValueTask<ReceivedDatagram> receive = association.ReceivePacketAsync(new byte[100]);
        _time.Advance(s_timeout);
        await AssertErrorAsync(NetworkError.Closed, async () => await receive);
        Assert.That(_connections.Single().DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task ASendBetweenExpiryAndSweepDoesNotRevive()
    {
        // The timers stand still though the clock runs: the sweep is late.
        StoppedTimers time = new();
        PacketListenerRelay relay = new(Listener(_connections), s_timeout, time);
        await using IPacketAssociation association = await relay.NewAssociationAsync();
        time.Clock.Advance(s_timeout - TimeSpan.FromTicks(1));
        await association.SendPacketAsync(new byte[1], Remote);
        time.Clock.Advance(s_timeout);
        await AssertErrorAsync(NetworkError.Closed, () => association.SendPacketAsync(new byte[1], Remote));
        await AssertErrorAsync(NetworkError.Closed, () => association.SendPacketAsync(new byte[1], Remote));
        Assert.That((_connections.Single().Sent.Count, _connections.Single().DisposeCount), Is.EqualTo((1, 1)));
        Assert.That(relay.GetStatistics().AssociationsExpired, Is.EqualTo(1));
    }

    [Test]
    public async Task ASendInTheMiddleOfTheExpiryIsSentAndTheAssociationLivesOn()
    {
        HookedTimeProvider clock = new(_time);
        PacketListenerRelay relay = new(Listener(_connections), s_timeout, clock);
        await using IPacketAssociation association = await relay.NewAssociationAsync();
        _time.Advance(s_timeout - TimeSpan.FromSeconds(1));

        // The expiry marked the association and is about to look at the time of its last send.
        clock.OnNextReading = () => association.SendPacketAsync(new byte[1], Remote).AsTask().GetAwaiter().GetResult();
        ((IIdleSession)association).Expire();
        Assert.That((_connections.Single().Sent.Count, _connections.Single().DisposeCount), Is.EqualTo((1, 0)));
        _connections.Single().Receives([5], Remote);
        Assert.That((await association.ReceivePacketAsync(new byte[10])).Length, Is.EqualTo(1));
        _time.Advance(s_timeout + (s_timeout / 32));
        Assert.That((_connections.Single().DisposeCount, relay.GetStatistics().AssociationsExpired, _time.ActiveTimers), Is.EqualTo((1, 1L, 0)));
    }

    [Test]
    public async Task ASendThatReadTheClockBeforeTheExpiryAndGoesOnAfterItFailsWithClosed()
    {
        HookedTimeProvider clock = new(_time);
        PacketListenerRelay relay = new(Listener(_connections), s_timeout, clock);
        await using IPacketAssociation association = await relay.NewAssociationAsync();
        _time.Advance(s_timeout - TimeSpan.FromSeconds(1));
        clock.OnNextReading = () => _time.Advance(TimeSpan.FromSeconds(1));
        await AssertErrorAsync(NetworkError.Closed, () => association.SendPacketAsync(new byte[1], Remote));
        Assert.That((_connections.Single().Sent.Count, _connections.Single().DisposeCount), Is.EqualTo((0, 1)));
    }

    [Test]
    public async Task ATransportThatReportsUnreachableDestinationsWithoutEndIsAskedLessAndLess()
    {
        Mock<IPacketConnection> connection = new();
        connection.Setup(target => target.ReceiveFromAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>()))
            .Throws(() => new NetworkException(NetworkError.PortUnreachable) { Destination = Remote });
        PacketListenerRelay relay = new(
            Mock.Of<IPacketListener>(listener => listener.ListenPacketAsync(It.IsAny<CancellationToken>()) == new ValueTask<IPacketConnection>(connection.Object)), s_timeout, _time);
        await using IPacketAssociation association = await relay.NewAssociationAsync();
        int told = 0;
        using CancellationTokenSource cancel = new();
        Task loop = association.ReceivePacketsAsync((_, _, _) => default, _ => new ValueTask(Task.FromResult(++told)), cancel.Token);

        // One timer is the sweeper's. The report that is delayed is told when the delay ends, however it ends.
        await Eventually.IsAsync(() => _time.ActiveTimers == 2, "the loop pauses");
        Assert.That(told, Is.EqualTo(16));
        _time.Advance(TimeSpan.FromMilliseconds(2));
        await Eventually.IsAsync(() => Volatile.Read(ref told) == 17, "the delayed report is told");
        await Eventually.IsAsync(() => _time.ActiveTimers == 2, "the loop pauses again");
        await cancel.CancelAsync();
        Assert.That(async () => await loop.WaitAsync(TimeSpan.FromSeconds(10)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That((told, relay.GetStatistics().UnreachableReports), Is.EqualTo((18, 18L)));
    }

    [TestCase(-1)]
    [TestCase(1_000_000)]
    public async Task ADatagramOfAnImpossibleLengthIsMarkedAsCutAndTheNextOneIsWhole(int length)
    {
        Mock<IPacketConnection> connection = new();
        connection.SetupSequence(target => target.ReceiveFromAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>()))
            .Returns(new ValueTask<ReceivedDatagram>(new ReceivedDatagram(length, Remote, Truncated: false)))
            .Returns(new ValueTask<ReceivedDatagram>(new ReceivedDatagram(length, Remote, Truncated: false)))
            .Returns(new ValueTask<ReceivedDatagram>(new ReceivedDatagram(3, Remote, Truncated: false)));
        PacketListenerRelay relay = new(
            Mock.Of<IPacketListener>(listener => listener.ListenPacketAsync(It.IsAny<CancellationToken>()) == new ValueTask<IPacketConnection>(connection.Object)), s_timeout, _time);
        await using IPacketAssociation association = await relay.NewAssociationAsync();
        await association.ReceivePacketAsync(Memory<byte>.Empty);
        ReceivedDatagram cut = new(0, Remote, Truncated: true);
        Assert.That(await association.ReceivePacketAsync(new byte[10]), Is.EqualTo(cut));
        Assert.That(await association.ReceivePacketAsync(new byte[10]), Is.EqualTo(cut));
        Assert.That(await association.ReceivePacketAsync(new byte[10]), Is.EqualTo(new ReceivedDatagram(3, Remote, Truncated: false)));
        Assert.That((relay.GetStatistics().DatagramsTruncated, relay.GetStatistics().DatagramsReceived), Is.EqualTo((2L, 1L)));
    }

    [Test]
    public async Task WhatIsLostIsCounted()
    {
        await using IPacketAssociation association = await _relay.NewAssociationAsync();
        FakePacketConnection socket = _connections.Single();
        socket.FailsToReceive(new InvalidDataException());
        socket.Receives([1], source: null);
        socket.Receives([1, 2], Remote, truncated: true);
        socket.FailsToReceive(new NetworkException(NetworkError.PortUnreachable) { Destination = Remote });
        socket.Receives([3], Remote);
        Assert.That((await association.ReceivePacketAsync(new byte[100])).Truncated, Is.True);
        await AssertErrorAsync(NetworkError.PortUnreachable, async () => await association.ReceivePacketAsync(new byte[100]));
        Assert.That((await association.ReceivePacketAsync(new byte[100])).Length, Is.EqualTo(1));
        await association.SendPacketAsync(new byte[1], Remote);
        socket.SendError = new NetworkException(NetworkError.MessageTooLarge);
        await AssertErrorAsync(NetworkError.MessageTooLarge, () => association.SendPacketAsync(new byte[1], Remote));
        Assert.That(_relay.GetStatistics(), Is.EqualTo(new PacketRelayStatistics
        {
            ActiveAssociations = 1,
            AssociationsOpened = 1,
            DatagramsSent = 1,
            SendErrors = 1,
            DatagramsReceived = 1,
            DatagramsTruncated = 1,
            ReceiveErrors = 1,
            DroppedUnknownSource = 1,
            UnreachableReports = 1,
        }));
    }

    [Test]
    public async Task OneTimerServesAllAssociationsAndStopsWithTheLast()
    {
        List<IPacketAssociation> associations = [];
        for (int i = 0; i < 1000; i++)
        {
            associations.Add(await _relay.NewAssociationAsync());
            _time.Advance(TimeSpan.FromMilliseconds(7));
        }

        Assert.That((_time.ActiveTimers, _relay.GetStatistics().ActiveAssociations), Is.EqualTo((1, 1000L)));
        await associations[500].DisposeAsync();
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.That((_time.ActiveTimers, _relay.GetStatistics().ActiveAssociations, _relay.GetStatistics().AssociationsExpired), Is.EqualTo((0, 0L, 999L)));
        Assert.That(_connections.TrueForAll(connection => connection.DisposeCount == 1), Is.True);
    }

    [Test]
    public async Task AStepOfTheWallClockExpiresNothing()
    {
        await using IPacketAssociation association = await _relay.NewAssociationAsync();
        _time.StepWallClock(TimeSpan.FromDays(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        await association.SendPacketAsync(new byte[1], Remote);
        _time.StepWallClock(TimeSpan.FromDays(-2));
        _time.Advance(s_timeout + (s_timeout / 32));
        Assert.That(_connections.Single().DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task AnExceptionOfTheSocketsDisposalReachesTheDisposerOnce()
    {
        Mock<IPacketConnection> connection = new();
        connection.Setup(target => target.DisposeAsync()).Throws(new InvalidOperationException("socket"));
        Mock<IPacketListener> listener = new();
        listener.Setup(target => target.ListenPacketAsync(It.IsAny<CancellationToken>())).Returns(() => new ValueTask<IPacketConnection>(connection.Object));
        PacketListenerRelay relay = new(listener.Object, s_timeout, _time);
        IPacketAssociation disposed = await relay.NewAssociationAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await disposed.DisposeAsync());
        await disposed.DisposeAsync();
        Assert.That(relay.GetStatistics().DisposeErrors, Is.Zero);

        // After an expiry there is nobody to tell.
        IPacketAssociation expired = await relay.NewAssociationAsync();
        _time.Advance(s_timeout);
        Assert.That((relay.GetStatistics().DisposeErrors, relay.GetStatistics().ActiveAssociations), Is.EqualTo((1L, 0L)));
        await expired.DisposeAsync();
        connection.Verify(target => target.DisposeAsync(), Times.Exactly(2));
    }

    [Test]
    public async Task AListenerThatReturnsNothingIsReported()
    {
        Mock<IPacketListener> listener = new();
        listener.Setup(target => target.ListenPacketAsync(It.IsAny<CancellationToken>())).Returns(new ValueTask<IPacketConnection>((IPacketConnection)null!));
        PacketListenerRelay relay = new(listener.Object, s_timeout, _time);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await relay.NewAssociationAsync());
        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    /// <summary>A clock that can be advanced without any timer firing.</summary>
    private sealed class StoppedTimers : TimeProvider
    {
        public ManualTimeProvider Clock { get; } = new();

        public override long TimestampFrequency => Clock.TimestampFrequency;

        public override long GetTimestamp() => Clock.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new ManualTimeProvider().CreateTimer(callback, state, dueTime, period);
    }
}
