using System.Net;

namespace TunFlow.Proxies.Tests;

/// <summary>A dialer whose connections, in memory, lead to a server that does with each what the test says.</summary>
/// <param name="serve">Gets the server's end and the number of the connection, from 1. The end is disposed when it returns.</param>
internal sealed class ScriptedServer(Func<StreamConnection, int, Task> serve) : IStreamDialer
{
    /// <summary>Never completes: what a server that hangs waits for.</summary>
    public static readonly Task Forever = new TaskCompletionSource().Task;

    public static readonly IPEndPoint EndPoint = IPEndPoint.Parse("192.0.2.10:1080");

    private readonly Lock _lock = new();
    private readonly List<TrackedConnection> _connections = [];
    private readonly List<EndPoint> _dialled = [];

    /// <summary>Changes the client's end of each connection.</summary>
    public Func<StreamConnection, Stream> Decorate { get; init; } = static connection => connection;

    public Exception? DisposeError { get; init; }

    public IReadOnlyList<TrackedConnection> Connections
    {
        get
        {
            lock (_lock)
            {
                return [.. _connections];
            }
        }
    }

    public IReadOnlyList<EndPoint> Dialled
    {
        get
        {
            lock (_lock)
            {
                return [.. _dialled];
            }
        }
    }

    /// <summary>A server that sends these bytes, whatever it gets, and then waits, closes or resets.</summary>
    public static ScriptedServer Sending(byte[] answer, ScriptEnd end = ScriptEnd.Wait) => new((peer, _) => SendAsync(peer, answer, end));

    public static async Task SendAsync(StreamConnection peer, byte[] answer, ScriptEnd end = ScriptEnd.Wait)
    {
        await peer.WriteAsync(answer);
        if (end is ScriptEnd.Reset)
        {
            peer.Abort();
            return;
        }

        if (end is ScriptEnd.Close)
        {
            await peer.CompleteWritesAsync();
        }

        // Until the client leaves.
        byte[] buffer = new byte[512];
        while (await peer.ReadAsync(buffer) > 0)
        {
        }
    }

    public ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        (StreamConnection client, StreamConnection server) = DuplexPipeStream.Connect();
        TrackedConnection connection = new(Decorate(client)) { DisposeError = DisposeError };
        int number;
        lock (_lock)
        {
            _connections.Add(connection);
            _dialled.Add(remote);
            number = _connections.Count;
        }

        _ = ServeAsync(server, number);
        return ValueTask.FromResult<StreamConnection>(connection);
    }

    /// <summary>Asserts that so many connections were dialled and each was disposed exactly once.</summary>
    public async Task AssertAllDisposedAsync(int connections)
    {
        Assert.That(Connections, Has.Count.EqualTo(connections), "connections");
        await Eventually.IsAsync(() => Connections.All(connection => connection.DisposeCount > 0), "every connection was disposed");
        Assert.That(Connections.Select(connection => connection.DisposeCount), Is.All.EqualTo(1));
    }

    private async Task ServeAsync(StreamConnection peer, int number)
    {
        try
        {
            await serve(peer, number);
        }
        catch (IOException)
        {
            // The client went away, which is what the test is about, and it looks at the client's side.
            TestContext.Progress.Write("");
        }
        finally
        {
            await peer.DisposeAsync();
        }
    }
}
