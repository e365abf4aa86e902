namespace TunFlow.Proxies.Tests;

/// <summary>An association with a server and a relay in memory.</summary>
internal sealed class Association : IAsyncDisposable
{
    private readonly ScriptedServer _server;
    private readonly Socks5PacketListener _listener;

    private Association(ScriptedServer server, Socks5PacketListener listener, IPacketConnection connection, ScriptedRelaySocket socket)
    {
        _server = server;
        _listener = listener;
        Connection = connection;
        Socket = socket;
    }

    public IPacketConnection Connection { get; }

    public ScriptedRelaySocket Socket { get; }

    public Socks5PacketListenerStatistics Statistics => _listener.GetStatistics();

    /// <param name="socketsCanWait">Whether the socket to the relay can.</param>
    /// <param name="peer">What the server does with the connection after the handshake; it is closed then.</param>
    /// <param name="disposeError">What disposing the socket to the relay throws.</param>
    public static async Task<Association> OpenAsync(bool socketsCanWait = true, Func<StreamConnection, Task>? peer = null, Exception? disposeError = null)
    {
        ScriptedServer server = new(async (connection, _) =>
        {
            await connection.WriteAsync(SocksWire.Grant(false, SocksWire.BoundIPv4));
            await (peer?.Invoke(connection) ?? ScriptedServer.SendAsync(connection, []));
        });
        ScriptedRelay relay = new() { SocketsCanWait = socketsCanWait, DisposeError = disposeError };
        Socks5PacketListener listener = new(server, relay, ScriptedServer.EndPoint);
        IPacketConnection association = await listener.ListenPacketAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        return new Association(server, listener, association, relay.Socket);
    }

    public async Task AssertDisposedOnceAsync()
    {
        await _server.AssertAllDisposedAsync(1);
        Assert.That(Socket.DisposeCount, Is.EqualTo(1));
    }

    public ValueTask DisposeAsync() => Connection.DisposeAsync();
}
