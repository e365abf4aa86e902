using System.Net;
using Moq;
using TunFlow.Network;
using TunFlow.Policy;

namespace TunFlow.Cli.Tests.Policy;

[TestFixture]
internal sealed class MappedErrorReceiverTests
{
    private static readonly EndPointMap Map = new(
        [new EndPointRule(IPAddress.Parse("10.0.85.2"), null, IPAddress.Loopback, null)], []);

    [Test]
    public async Task Unreachable_destination_is_reported_as_the_application_named_it()
    {
        Mock<IPacketErrorReceiver> application = new();
        IPacketResponseReceiver mapped = await OpenAsync(application.Object);

        await ((IPacketErrorReceiver)mapped).ReportUnreachableAsync(NetworkError.PortUnreachable, new IPEndPoint(IPAddress.Loopback, 5353));

        application.Verify(r => r.ReportUnreachableAsync(
            NetworkError.PortUnreachable, new IPEndPoint(IPAddress.Parse("10.0.85.2"), 5353), It.IsAny<CancellationToken>()));
    }

    [Test]
    public async Task Receiver_without_the_error_contract_does_not_gain_it()
    {
        IPacketResponseReceiver mapped = await OpenAsync(new Mock<IPacketResponseReceiver>().Object);
        Assert.That(mapped, Is.Not.InstanceOf<IPacketErrorReceiver>());
    }

    private static async Task<IPacketResponseReceiver> OpenAsync(IPacketResponseReceiver application)
    {
        IPacketResponseReceiver? mapped = null;
        Mock<IPacketProxy> proxy = new();
        proxy.Setup(p => p.NewSessionAsync(It.IsAny<IPacketResponseReceiver>(), It.IsAny<CancellationToken>()))
            .Callback((IPacketResponseReceiver receiver, CancellationToken _) => mapped = receiver)
            .ReturnsAsync(new Mock<IPacketRequestSender>().Object);
        await new MappedPacketProxy(proxy.Object, Map).NewSessionAsync(application);
        return mapped!;
    }
}
