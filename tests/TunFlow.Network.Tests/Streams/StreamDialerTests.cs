using System.Net;

namespace TunFlow.Network.Tests;

internal sealed class StreamDialerTests
{
    [TestCase("192.0.2.1:80", "192.0.2.1", 80)]
    [TestCase("[2001:db8::1]:443", "2001:db8::1", 443)]
    [TestCase("[::1]:0", "::1", 0)]
    public void AddressesAreRead(string text, string address, int port) =>
        Assert.That(EndPoints.Parse(text, TransportProtocol.Tcp), Is.EqualTo(new IPEndPoint(IPAddress.Parse(address), port)));

    [TestCase("example.com:80", "example.com", 80)]
    [TestCase("localhost:65535", "localhost", 65535)]
    public void NamesAreRead(string text, string host, int port) =>
        Assert.That(EndPoints.Parse(text, TransportProtocol.Tcp), Is.EqualTo(new DnsEndPoint(host, port)));

    [TestCase("")]
    [TestCase("example.com")]
    [TestCase(":80")]
    [TestCase("example.com:")]
    [TestCase("example.com:65536")]
    [TestCase("example.com:-1")]
    [TestCase("example.com: 80")]
    [TestCase("::1:80")]
    [TestCase("[::1]")]
    [TestCase("[]:80")]
    [TestCase("[example.com]:80")]
    [TestCase("[192.0.2.1]:80")]
    public void OtherTextsAreRejected(string text) =>
        Assert.That(() => EndPoints.Parse(text, TransportProtocol.Tcp), Throws.TypeOf<FormatException>());

    [Test]
    public async Task AFunctionIsADialer()
    {
        using CancellationTokenSource cancel = new();
        List<(EndPoint, CancellationToken)> calls = [];
        await using StreamConnection connection = StreamConnection.Create(new MemoryStream());
        IStreamDialer dialer = StreamDialer.FromFunc((remote, token) =>
        {
            calls.Add((remote, token));
            return ValueTask.FromResult(connection);
        });
        Assert.That(await dialer.DialStreamAsync("192.0.2.1:80", cancel.Token), Is.SameAs(connection));
        Assert.That(calls, Is.EqualTo(new (EndPoint, CancellationToken)[] { (new IPEndPoint(IPAddress.Parse("192.0.2.1"), 80), cancel.Token) }));
        Assert.That(() => StreamDialer.FromFunc(null!), Throws.ArgumentNullException);
    }
}
