using System.Net;

namespace TunFlow.Network.Tests;

internal sealed class StreamDialerTests
{
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
        Assert.That(() => dialer.DialStreamAsync((EndPoint)null!), Throws.ArgumentNullException);
        Assert.That(() => dialer.DialStreamAsync("example.org"), Throws.TypeOf<FormatException>());
        Assert.That(calls, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task TextsMayNameATcpPort()
    {
        await using StreamConnection connection = StreamConnection.Create(new MemoryStream());
        EndPoint? dialled = null;
        IStreamDialer dialer = StreamDialer.FromFunc((remote, _) =>
        {
            dialled = remote;
            return ValueTask.FromResult(connection);
        });
        await dialer.DialStreamAsync("example.org:https");
        Assert.That(dialled, Is.EqualTo(new DnsEndPoint("example.org", 443)));
    }
}
