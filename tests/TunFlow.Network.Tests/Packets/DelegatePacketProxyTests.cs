using Moq;

namespace TunFlow.Network.Tests;

internal sealed class DelegatePacketProxyTests
{
    [Test]
    public async Task SetProxySendsNewSessionsToTheNewTargetAndOpensNone()
    {
        Mock<IPacketProxy> first = Proxy();
        Mock<IPacketProxy> second = Proxy();
        IPacketResponseReceiver receiver = Mock.Of<IPacketResponseReceiver>();
        DelegatePacketProxy proxy = new(first.Object);

        await proxy.NewSessionAsync(receiver);
        VerifyCounts(1, 0);
        proxy.SetProxy(second.Object);
        VerifyCounts(1, 0);
        await proxy.NewSessionAsync(receiver);
        await proxy.NewSessionAsync(receiver);
        VerifyCounts(1, 2);

        void VerifyCounts(int firstCount, int secondCount)
        {
            first.Verify(target => target.NewSessionAsync(receiver, It.IsAny<CancellationToken>()), Times.Exactly(firstCount));
            second.Verify(target => target.NewSessionAsync(receiver, It.IsAny<CancellationToken>()), Times.Exactly(secondCount));
        }
    }

    [Test]
    public async Task ArgumentsAndResultPassThroughUntouched()
    {
        IPacketRequestSender sender = Mock.Of<IPacketRequestSender>();
        Mock<IPacketProxy> target = new(MockBehavior.Strict);
        using CancellationTokenSource cancel = new();
        target.Setup(proxy => proxy.NewSessionAsync(null!, cancel.Token)).ReturnsAsync(sender);
        Assert.That(await new DelegatePacketProxy(target.Object).NewSessionAsync(null!, cancel.Token), Is.SameAs(sender));
    }

    [Test]
    public async Task SwappingWhileSessionsAreOpenedLosesNone()
    {
        Mock<IPacketProxy>[] targets = [.. Enumerable.Range(0, 10).Select(_ => Proxy())];
        DelegatePacketProxy proxy = new(targets[0].Object);
        using CancellationTokenSource stop = new();
        Task swapping = Task.Run(() =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i = (i + 1) % targets.Length)
            {
                proxy.SetProxy(targets[i].Object);
            }
        });
        await Parallel.ForAsync(0, 50, async (_, token) => await proxy.NewSessionAsync(Mock.Of<IPacketResponseReceiver>(), token));
        await stop.CancelAsync();
        await swapping;
        Assert.That(targets.Sum(target => target.Invocations.Count), Is.EqualTo(50));
    }

    [Test]
    public async Task NullIsRejectedAndTheOldTargetStays()
    {
        Assert.That(() => new DelegatePacketProxy(null!), Throws.ArgumentNullException);
        Mock<IPacketProxy> target = Proxy();
        DelegatePacketProxy proxy = new(target.Object);
        Assert.That(() => proxy.SetProxy(null!), Throws.ArgumentNullException);
        await proxy.NewSessionAsync(Mock.Of<IPacketResponseReceiver>());
        Assert.That(target.Invocations, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task ATargetOfAnotherTypeIsAccepted()
    {
        Mock<IPacketProxy> old = Proxy();
        DelegatePacketProxy proxy = new(old.Object);
        proxy.SetProxy(new PacketListenerProxy(Mock.Of<IPacketListener>(listener => listener.ListenPacketAsync(It.IsAny<CancellationToken>())
            == new ValueTask<IPacketConnection>(new FakePacketConnection()))));
        await using IPacketRequestSender sender = await proxy.NewSessionAsync(new RecordingReceiver());
        Assert.That(sender, Is.Not.Null);
        Assert.That(old.Invocations, Is.Empty);
    }

    [Test]
    public async Task AFailingTargetFailsTheSession()
    {
        Mock<IPacketProxy> target = new();
        target.Setup(proxy => proxy.NewSessionAsync(It.IsAny<IPacketResponseReceiver>(), It.IsAny<CancellationToken>()))
            .ThrowsAsync(new NetworkException(NetworkError.ResourceExhausted));
        DelegatePacketProxy proxy = new(target.Object);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await proxy.NewSessionAsync(new RecordingReceiver()));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.ResourceExhausted));
    }

    private static Mock<IPacketProxy> Proxy()
    {
        Mock<IPacketProxy> proxy = new();
        proxy.Setup(target => target.NewSessionAsync(It.IsAny<IPacketResponseReceiver>(), It.IsAny<CancellationToken>()))
            .Returns(() => new ValueTask<IPacketRequestSender>(Mock.Of<IPacketRequestSender>()));
        return proxy;
    }
}
