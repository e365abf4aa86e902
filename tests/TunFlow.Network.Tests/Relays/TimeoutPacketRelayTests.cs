using System.Net;
using Moq;
using TunFlow.Network.Relays;
using TunFlow.Testing;
using static TunFlow.Network.Tests.RelayBuilder;

namespace TunFlow.Network.Tests;

internal sealed class TimeoutPacketRelayTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMilliseconds(50);

    private readonly List<FakePacketConnection> _connections = [];
    private ManualTimeProvider _time = null!;
    private PacketListenerRelay _inner = null!;
    private TimeoutPacketRelay _relay = null!;

    [SetUp]
    public void SetUp()
    {
        _connections.Clear();
        _time = new ManualTimeProvider();
        _inner = new PacketListenerRelay(Listener(_connections), TimeSpan.FromHours(1), _time);
        _relay = new TimeoutPacketRelay(_inner, s_timeout, _time);
    }

    [Test]
    public void ANullRelayIsRejected() => Assert.That(() => new TimeoutPacketRelay(null!, s_timeout), Throws.ArgumentNullException);

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(31 * 86_400)]
    public void ATimeoutThatIsNotPositiveOrEndlessIsRejected(double seconds) =>
        Assert.That(() => new TimeoutPacketRelay(_inner, TimeSpan.FromSeconds(seconds)), Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public async Task AfterTheTimeoutSendsAreClosedAndTheInnerAssociationIsDisposed()
    {
        await using IPacketAssociation association = await _relay.NewAssociationAsync();
        Assert.That(_relay.WriteIdleTimeout, Is.EqualTo(s_timeout));
        _time.Advance(s_timeout);
        await AssertErrorAsync(NetworkError.Closed, () => association.SendPacketAsync(new byte[1], Remote));
        Assert.That((_connections.Single().DisposeCount, _inner.GetStatistics().ActiveAssociations, _time.ActiveTimers), Is.EqualTo((1, 0L, 0)));
        Assert.That((_relay.GetStatistics().AssociationsExpired, _inner.GetStatistics().AssociationsExpired), Is.EqualTo((1L, 0L)));
    }

    [Test]
    public async Task SendsAtHalfTheTimeoutKeepAnAssociationAliveThenItDies()
    {
        await using IPacketAssociation association = await _relay.NewAssociationAsync();
        for (int i = 0; i < 3; i++)
        {
            _time.Advance(s_timeout / 2);
            await association.SendPacketAsync(new byte[1], Remote);
        }

        _time.Advance(s_timeout);
        await AssertErrorAsync(NetworkError.Closed, () => association.SendPacketAsync(new byte[1], Remote));
        Assert.That((_connections.Single().Sent.Count, _connections.Single().DisposeCount), Is.EqualTo((3, 1)));
    }

    [Test]
    public async Task RepliesDoNotKeepAnAssociationAlive()
    {
        await using IPacketAssociation association = await _relay.NewAssociationAsync();
        await association.SendPacketAsync(new byte[1], Remote);
        for (int i = 0; i < 4; i++)
        {
            _time.Advance(s_timeout / 5);
            _connections.Single().Receives([1], Remote);
            Assert.That((await association.ReceivePacketAsync(new byte[10])).Length, Is.EqualTo(1));
        }

        _time.Advance(s_timeout / 5);
        Assert.That(_connections.Single().DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task AnExceptionOfTheInnerDisposalAfterExpiryIsCounted()
    {
        Mock<IPacketAssociation> inner = new();
        inner.Setup(target => target.DisposeAsync()).Returns(ValueTask.FromException(new InvalidOperationException("inner")));
        TimeoutPacketRelay relay = new(Relay(inner.Object), s_timeout, _time);
        await using IPacketAssociation association = await relay.NewAssociationAsync();
        _time.Advance(s_timeout);
        Assert.That(relay.GetStatistics().DisposeErrors, Is.EqualTo(1));
        inner.Verify(target => target.DisposeAsync(), Times.Once());
    }

    [Test]
    public async Task WhatTheInnerAssociationGotBeforeItsEndIsReceivedThoughASendWasTold()
    {
        Mock<IPacketAssociation> inner = new();
        inner.Setup(target => target.SendPacketAsync(It.IsAny<ReadOnlyMemory<byte>>(), It.IsAny<IPEndPoint>(), It.IsAny<CancellationToken>()))
            .Throws(new NetworkException(NetworkError.Closed));
        Queue<Func<ValueTask<ReceivedDatagram>>> receives = new(
        [
            () => ValueTask.FromResult(new ReceivedDatagram(1, Remote, false)),
            () => ValueTask.FromException<ReceivedDatagram>(new NetworkException(NetworkError.Closed)),
        ]);
        inner.Setup(target => target.ReceivePacketAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>())).Returns(() => receives.Dequeue()());
        await using IPacketAssociation association = await new TimeoutPacketRelay(Relay(inner.Object), s_timeout, _time).NewAssociationAsync();
        await AssertErrorAsync(NetworkError.Closed, () => association.SendPacketAsync(new byte[1], Remote));
        inner.Verify(target => target.DisposeAsync(), Times.Never());
        Assert.That((await association.ReceivePacketAsync(new byte[10])).Length, Is.EqualTo(1));
        await AssertErrorAsync(NetworkError.Closed, async () => await association.ReceivePacketAsync(new byte[10]));
        inner.Verify(target => target.DisposeAsync(), Times.Once());
    }

    [Test]
    public async Task ARelayThatReturnsNothingIsReported()
    {
        TimeoutPacketRelay relay = new(Relay(null!), s_timeout, _time);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await relay.NewAssociationAsync());
        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    private static IPacketRelay Relay(IPacketAssociation association)
    {
        Mock<IPacketRelay> relay = new();
        relay.Setup(target => target.NewAssociationAsync(It.IsAny<CancellationToken>())).Returns(() => new ValueTask<IPacketAssociation>(association));
        return relay.Object;
    }
}
