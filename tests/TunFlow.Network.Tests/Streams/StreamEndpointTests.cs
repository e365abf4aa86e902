using System.Net;
using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class StreamEndpointTests
{
    [Test]
    public async Task AFunctionIsAnEndpoint()
    {
        using CancellationTokenSource cancel = new();
        await using StreamConnection connection = StreamConnection.Create(new MemoryStream());
        List<CancellationToken> calls = [];
        IStreamEndpoint endpoint = StreamEndpoint.FromFunc(token =>
        {
            calls.Add(token);
            return ValueTask.FromResult(connection);
        });
        Assert.That(await endpoint.ConnectStreamAsync(cancel.Token), Is.SameAs(connection));
        Assert.That(calls, Is.EqualTo(new[] { cancel.Token }));
    }

    [Test]
    public async Task AnErrorOfTheFunctionComesThrough()
    {
        NetworkException failure = new(NetworkError.ConnectionRefused);
        IStreamEndpoint endpoint = StreamEndpoint.FromFunc(_ => ValueTask.FromException<StreamConnection>(failure));
        Assert.That(await Assert.ThrowsAsync<NetworkException>(async () => await endpoint.ConnectStreamAsync()), Is.SameAs(failure));
    }

    [Test]
    public async Task ADialerWithAnAddressIsAnEndpointThatDialsThatAddress()
    {
        using CancellationTokenSource cancel = new();
        await using StreamConnection connection = StreamConnection.Create(new MemoryStream());
        DnsEndPoint remote = new("example.org", 443);
        List<(EndPoint, CancellationToken)> calls = [];
        IStreamEndpoint endpoint = StreamEndpoint.FromDialer(
            StreamDialer.FromFunc((dialled, token) =>
            {
                calls.Add((dialled, token));
                return ValueTask.FromResult(connection);
            }),
            remote);
        Assert.That(await endpoint.ConnectStreamAsync(cancel.Token), Is.SameAs(connection));
        Assert.That(await endpoint.ConnectStreamAsync(cancel.Token), Is.SameAs(connection));
        Assert.That(calls, Is.EqualTo(new (EndPoint, CancellationToken)[] { (remote, cancel.Token), (remote, cancel.Token) }));
    }

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task ATcpEndpointSendsARequestHalfClosesAndReadsTheResponse(string address)
    {
        using Socket listener = TcpLoopback.Listen(IPAddress.Parse(address));
        List<(AddressFamily, EndPoint?)> seen = [];
        TcpEndpoint endpoint = new(listener.LocalEndPoint!, (socket, remote) => seen.Add((socket.AddressFamily, remote)));
        Task<Socket> accept = listener.AcceptAsync();
        await using StreamConnection connection = await endpoint.ConnectStreamAsync();
        await using StreamConnection server = StreamConnection.Create(await accept);
        await connection.WriteAsync("request"u8.ToArray());
        await connection.CompleteWritesAsync();
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(10));
        Assert.That((await StreamTransfer.ReceiveToEndAsync(server, patience.Token)).Length, Is.EqualTo(7));
        await server.WriteAsync("response"u8.ToArray());
        await server.CompleteWritesAsync();
        Assert.That((await StreamTransfer.ReceiveToEndAsync(connection, patience.Token)).Length, Is.EqualTo(8));
        Assert.That((endpoint.RemoteEndPoint, connection.RemoteEndPoint), Is.EqualTo((listener.LocalEndPoint, listener.LocalEndPoint)));
        Assert.That(seen, Is.EqualTo(new (AddressFamily, EndPoint?)[] { (IPAddress.Parse(address).AddressFamily, listener.LocalEndPoint) }));
    }

    [Test]
    public void WrongArgumentsAreRejected()
    {
        IStreamDialer dialer = new TcpDialer();
        Assert.That(() => StreamEndpoint.FromFunc(null!), Throws.ArgumentNullException);
        Assert.That(() => StreamEndpoint.FromDialer(null!, new IPEndPoint(1, 1)), Throws.ArgumentNullException);
        Assert.That(() => StreamEndpoint.FromDialer(dialer, null!), Throws.ArgumentNullException);
        Assert.That(() => new TcpEndpoint(null!), Throws.ArgumentNullException);
        Assert.That(() => new TcpEndpoint(new UnixDomainSocketEndPoint("/nowhere")), Throws.ArgumentException);
    }
}
