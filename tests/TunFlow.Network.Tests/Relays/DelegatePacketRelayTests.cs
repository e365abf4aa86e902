using Moq;
using TunFlow.Network.Relays;
using static TunFlow.Network.Tests.RelayBuilder;

namespace TunFlow.Network.Tests;

internal sealed class DelegatePacketRelayTests
{
    [Test]
    public async Task SetRelaySendsNewAssociationsToTheNewTargetAndOpensNone()
    {
        Mock<IPacketRelay> first = Relay();
        Mock<IPacketRelay> second = Relay();
        DelegatePacketRelay relay = new(first.Object);

        await relay.NewAssociationAsync();
        Assert.That((first.Invocations.Count, second.Invocations.Count), Is.EqualTo((1, 0)));
        relay.SetRelay(second.Object);
        Assert.That((first.Invocations.Count, second.Invocations.Count), Is.EqualTo((1, 0)));
        await relay.NewAssociationAsync();
        await relay.NewAssociationAsync();
        Assert.That((first.Invocations.Count, second.Invocations.Count), Is.EqualTo((1, 2)));
    }

    [Test]
    public async Task ResultAndTokenPassThroughUntouched()
    {
        IPacketAssociation association = Mock.Of<IPacketAssociation>();
        Mock<IPacketRelay> target = new(MockBehavior.Strict);
        using CancellationTokenSource cancel = new();
        target.Setup(relay => relay.NewAssociationAsync(cancel.Token)).ReturnsAsync(association);
        Assert.That(await new DelegatePacketRelay(target.Object).NewAssociationAsync(cancel.Token), Is.SameAs(association));
    }

    [Test]
    public async Task SwappingWhileAssociationsAreOpenedLosesNone()
    {
        Mock<IPacketRelay>[] targets = [.. Enumerable.Range(0, 10).Select(_ => Relay())];
        DelegatePacketRelay relay = new(targets[0].Object);
        using CancellationTokenSource stop = new();
        Task swapping = Task.Run(() =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i = (i + 1) % targets.Length)
            {
                relay.SetRelay(targets[i].Object);
            }
        });
        await Parallel.ForAsync(0, 50, async (_, token) => await relay.NewAssociationAsync(token));
        await stop.CancelAsync();
        await swapping;
        Assert.That(targets.Sum(target => target.Invocations.Count), Is.EqualTo(50));
    }

    [Test]
    public async Task NullIsRejectedAndTheOldTargetStays()
    {
        Assert.That(() => new DelegatePacketRelay(null!), Throws.ArgumentNullException);
        Mock<IPacketRelay> target = Relay();
        DelegatePacketRelay relay = new(target.Object);
        Assert.That(() => relay.SetRelay(null!), Throws.ArgumentNullException);
        await relay.NewAssociationAsync();
        Assert.That(target.Invocations, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task ATargetOfAnotherTypeIsAcceptedAndOldAssociationsStay()
    {
        List<FakePacketConnection> connections = [];
        DelegatePacketRelay relay = new(new PacketListenerRelay(Listener(connections), TimeSpan.FromSeconds(30)));
        await using IPacketAssociation old = await relay.NewAssociationAsync();
        relay.SetRelay(new PacketListenerProxy(Listener(connections)).AsPacketRelay());
        await using IPacketAssociation young = await relay.NewAssociationAsync();
        await old.SendPacketAsync(new byte[1], Remote);
        await young.SendPacketAsync(new byte[2], Remote);
        Assert.That(connections.ConvertAll(connection => connection.Sent.Single().Payload.Length), Is.EqualTo(new[] { 1, 2 }));
    }

    private static Mock<IPacketRelay> Relay()
    {
        Mock<IPacketRelay> relay = new();
        relay.Setup(target => target.NewAssociationAsync(It.IsAny<CancellationToken>()))
            .Returns(() => new ValueTask<IPacketAssociation>(Mock.Of<IPacketAssociation>()));
        return relay;
    }
}
