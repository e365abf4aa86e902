using System.Collections.Concurrent;

namespace TunFlow.Network.Tests;

/// <summary>Opens sessions that record what they get and answer only when a test says so.</summary>
internal sealed class ScriptedPacketProxy : IPacketProxy
{
    private int _calls;

    public ConcurrentQueue<ScriptedSession> Sessions { get; } = new();

    /// <summary>Runs before a session is handed out.</summary>
    public Func<ScriptedSession, CancellationToken, ValueTask>? OnOpen { get; set; }

    /// <summary>Runs within each send.</summary>
    public Func<ScriptedSession, ReadOnlyMemory<byte>, ValueTask>? OnSend { get; set; }

    /// <summary>Runs within each first disposal.</summary>
    public Func<ScriptedSession, ValueTask>? OnDispose { get; set; }

    public int Calls => Volatile.Read(ref _calls);

    public ScriptedSession Last => Sessions.Last();

    public async ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _calls);
        ScriptedSession session = new(this, receiver);
        if (OnOpen is { } onOpen)
        {
            await onOpen(session, cancellationToken);
        }

        Sessions.Enqueue(session);
        return session;
    }
}
