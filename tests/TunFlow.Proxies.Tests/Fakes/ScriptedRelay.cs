using System.Net;

namespace TunFlow.Proxies.Tests;

/// <summary>Opens sockets, in memory, to a relay that is the test.</summary>
internal sealed class ScriptedRelay : IPacketDialer
{
    public List<EndPoint> Dialled { get; } = [];

    public List<ScriptedRelaySocket> Sockets { get; } = [];

    public Func<CancellationToken, ValueTask>? OnDial { get; init; }

    public bool SocketsCanWait { get; init; } = true;

    public Exception? DisposeError { get; init; }

    public Action<ScriptedRelaySocket>? OnOpened { get; init; }

    /// <summary>What comes back for each datagram that is sent, or null for nothing.</summary>
    public Func<byte[], byte[]>? Answer { get; init; }

    public ScriptedRelaySocket Socket => Sockets.Single();

    public async ValueTask<IConnectedPacketConnection> DialPacketAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        lock (Sockets)
        {
            Dialled.Add(remote);
        }

        if (OnDial is { } onDial)
        {
            await onDial(cancellationToken);
        }

        ScriptedRelaySocket socket = new(SocketsCanWait, DisposeError) { Answer = Answer };
        OnOpened?.Invoke(socket);
        lock (Sockets)
        {
            Sockets.Add(socket);
        }

        return socket;
    }
}
