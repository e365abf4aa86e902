using System.Collections.Concurrent;
using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Fakes;

/// <summary>Opens <see cref="FakeSession"/>s, or does whatever a test wants.</summary>
internal sealed class FakePacketProxy : IPacketProxy
{
    private int _calls;

    public Func<FakeSession, CancellationToken, ValueTask>? OnOpen { get; set; }

    public Func<FakeSession, ReadOnlyMemory<byte>, IPEndPoint, ValueTask>? OnDatagram { get; set; }

    public ConcurrentQueue<FakeSession> Sessions { get; } = new();

    /// <summary>Whether sessions keep what they get.</summary>
    public bool Records { get; set; } = true;

    public int Calls => Volatile.Read(ref _calls);

    public async ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _calls);
        FakeSession session = new(this, receiver) { Record = Records };
        if (OnOpen is { } open)
            await open(session, cancellationToken);
        Sessions.Enqueue(session);
        return session;
    }
}
