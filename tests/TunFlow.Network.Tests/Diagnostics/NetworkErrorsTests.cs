using System.Net.Http;
using System.Net.Sockets;

namespace TunFlow.Network.Tests;

internal sealed class NetworkErrorsTests
{
    [TestCase(SocketError.ConnectionRefused, NetworkError.ConnectionRefused)]
    [TestCase(SocketError.HostUnreachable, NetworkError.HostUnreachable)]
    [TestCase(SocketError.NetworkUnreachable, NetworkError.NetworkUnreachable)]
    [TestCase(SocketError.TimedOut, NetworkError.TimedOut)]
    [TestCase(SocketError.AccessDenied, NetworkError.AccessDenied)]
    [TestCase(SocketError.ConnectionReset, NetworkError.ConnectionReset)]
    [TestCase(SocketError.MessageSize, NetworkError.MessageTooLarge)]
    [TestCase(SocketError.AddressAlreadyInUse, NetworkError.AddressInUse)]
    [TestCase(SocketError.HostNotFound, NetworkError.NameNotResolved)]
    [TestCase(SocketError.TooManyOpenSockets, NetworkError.ResourceExhausted)]
    [TestCase(SocketError.VersionNotSupported, NetworkError.Unknown)]
    public void SocketErrorsAreTranslated(SocketError socketError, NetworkError error)
    {
        SocketException exception = new((int)socketError);
        Assert.That(NetworkErrors.Classify(exception), Is.EqualTo(error));
        Assert.That(NetworkErrors.Classify(new IOException("outer", exception)), Is.EqualTo(error));
    }

    [Test]
    public void TheWalkGoesInwardsAndTakesTheFirstItKnows()
    {
        Exception exception = new InvalidOperationException("a", new AggregateException(
            new InvalidDataException(),
            new HttpRequestException("b", new NetworkException(NetworkError.PortUnreachable))));
        Assert.That(NetworkErrors.Classify(exception), Is.EqualTo(NetworkError.PortUnreachable));
        Assert.That(NetworkErrors.Is(exception, NetworkError.PortUnreachable), Is.True);
        Assert.That(NetworkErrors.Is(exception, NetworkError.Closed), Is.False);
        Assert.That(NetworkErrors.Is(null, NetworkError.Closed), Is.False);
    }

    [Test]
    public void PlatformTypesAreKnown()
    {
        Assert.That(NetworkErrors.Classify(new ObjectDisposedException("x")), Is.EqualTo(NetworkError.Closed));
        Assert.That(NetworkErrors.Classify(new TimeoutException()), Is.EqualTo(NetworkError.TimedOut));
        Assert.That(NetworkErrors.Classify(new UnauthorizedAccessException()), Is.EqualTo(NetworkError.AccessDenied));
        Assert.That(NetworkErrors.Classify(new HttpRequestException(HttpRequestError.NameResolutionError)), Is.EqualTo(NetworkError.NameNotResolved));
        Assert.That(NetworkErrors.Classify(new TaskCanceledException("limit", new TimeoutException())), Is.EqualTo(NetworkError.TimedOut));
        Assert.That(NetworkErrors.Classify(new InvalidOperationException()), Is.EqualTo(NetworkError.Unknown));
    }

    [Test]
    public void AnEndlessChainEnds()
    {
        Exception exception = new InvalidOperationException();
        for (int i = 0; i < 1000; i++)
        {
            exception = new InvalidOperationException("outer", exception);
        }

        Assert.That(NetworkErrors.Classify(exception), Is.EqualTo(NetworkError.Unknown));
    }

    [Test]
    public void ClosedIsNoneOfThePlatformsClosedErrors()
    {
        NetworkException exception = new(NetworkError.Closed);
        Assert.That(exception, Is.Not.InstanceOf<ObjectDisposedException>());
        Assert.That(exception.InnerException, Is.Null);
        Assert.That(exception, Is.InstanceOf<IOException>());
    }

    [Test]
    public void ExceptionsCarryErrorTextAndNativeStatus()
    {
        SocketException inner = new((int)SocketError.ConnectionRefused);
        Assert.That(new NetworkException("text", inner).Error, Is.EqualTo(NetworkError.ConnectionRefused));
        Assert.That(new NetworkException("text", inner).HResult, Is.EqualTo(inner.NativeErrorCode));
        Assert.That(new NetworkException(NetworkError.Unknown, "text", new IOException("x", inner)).HResult, Is.EqualTo(inner.NativeErrorCode));
        Assert.That(new NetworkException(NetworkError.Closed, null, -7).HResult, Is.EqualTo(-7));
        Assert.That(NetworkErrors.Wrap(inner).InnerException, Is.SameAs(inner));
        NetworkException already = new(NetworkError.TimedOut);
        Assert.That(NetworkErrors.Wrap(already), Is.SameAs(already));
        foreach (NetworkError error in Enum.GetValues<NetworkError>())
        {
            Assert.That(new NetworkException(error).Message, Is.Not.Empty);
        }
    }
}
