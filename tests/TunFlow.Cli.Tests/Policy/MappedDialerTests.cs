using System.Net;
using Moq;
using TunFlow.Network;
using TunFlow.Policy;

namespace TunFlow.Cli.Tests.Policy;

[TestFixture]
public sealed class MappedDialerTests
{
    private readonly EndPointMap _map = LaunchPolicy.CreateMap(IPEndPoint.Parse("192.0.2.53:53"), allowHostLoopback: true);
    private Mock<IStreamDialer> _inner = null!;

    [SetUp]
    public void Create()
    {
        _inner = new Mock<IStreamDialer>(MockBehavior.Strict);
        _inner.Setup(static dialer => dialer.DialStreamAsync(It.IsAny<EndPoint>(), It.IsAny<CancellationToken>()))
            .Returns(new ValueTask<StreamConnection>((StreamConnection)null!));
    }

    [Test]
    public async Task Target_is_dialled_once_with_the_token_of_the_caller()
    {
        using CancellationTokenSource source = new();

        await new MappedStreamDialer(_inner.Object, _map).DialStreamAsync(IPEndPoint.Parse("10.0.85.2:8080"), source.Token);

        _inner.Verify(dialer => dialer.DialStreamAsync(IPEndPoint.Parse("127.0.0.1:8080"), source.Token), Times.Once);
    }

    [TestCase("127.0.0.1:22")]
    [TestCase("[::1]:22")]
    public void Forbidden_destination_is_refused_without_a_dial(string destination)
    {
        MappedStreamDialer dialer = new(_inner.Object, _map);

        NetworkException exception = Assert.Throws<NetworkException>(() => _ = dialer.DialStreamAsync(IPEndPoint.Parse(destination)).AsTask())!;

        Assert.That(exception.Error, Is.EqualTo(NetworkError.ConnectionRefused));
        _inner.VerifyNoOtherCalls();
    }

    [Test]
    public void Names_are_not_dialled()
    {
        MappedStreamDialer dialer = new(_inner.Object, _map);

        NetworkException exception = Assert.Throws<NetworkException>(() => _ = dialer.DialStreamAsync(new DnsEndPoint("localhost", 22)).AsTask())!;

        Assert.That(exception.Error, Is.EqualTo(NetworkError.NotSupported));
        _inner.VerifyNoOtherCalls();
    }
}
