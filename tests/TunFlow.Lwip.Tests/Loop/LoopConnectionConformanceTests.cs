using System.Net;
using System.Net.Sockets;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Loop;

/// <summary>The sockets that an engine waits for itself.</summary>
[TestFixture("127.0.0.1")]
[TestFixture("::1")]
[Platform("Linux")]
internal sealed class LoopConnectionConformanceTests(string address) : StreamConnectionConformance
{
    private readonly LoopThread _loop = new();

    [OneTimeTearDown]
    public void End()
    {
        int left = _loop.Events.Count;
        _loop.Dispose();
        Assert.That(left, Is.EqualTo(1), "connections that were not forgotten");
    }

    protected override async Task<ConnectionPair> ConnectAsync()
    {
        using Socket listener = new(IPAddress.Parse(address).AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        listener.Listen(1);
        StreamConnection dialled = await _loop.DialAsync(new TcpDialer(), (IPEndPoint)listener.LocalEndPoint!, Patience);
        return new ConnectionPair(dialled, StreamConnection.Create(await listener.AcceptAsync()));
    }
}
