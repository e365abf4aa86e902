using System.Net;

namespace TunFlow.Network;

/// <summary>What the inner session of an <see cref="IdleTimeoutSession"/> answers into.</summary>
internal class IdleTimeoutReceiver(IdleTimeoutSession session, IPacketResponseReceiver outer) : IPacketResponseReceiver
{
    private bool _closed;

    /// <summary>The inner session said that no more responses will come.</summary>
    public bool IsClosed => Volatile.Read(ref _closed);

    public ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default)
    {
        ThrowIfClosed();
        session.NoteResponse();
        return outer.WriteFromAsync(payload, source, cancellationToken);
    }

    /// <summary>Called by the inner session when it is over, whoever ended it. The outer receiver belongs to the outer session, which disposes it.</summary>
    public ValueTask DisposeAsync()
    {
        Volatile.Write(ref _closed, true);

        // Starting looks for this after it said that it started: one of the two sees the other.
        Interlocked.MemoryBarrier();
        return session.IsStarted ? session.EndAsync() : ValueTask.CompletedTask;
    }

    /// <summary>The inner session could not be opened: the outer receiver stays its caller's.</summary>
    public void Detach() => Volatile.Write(ref _closed, true);

    protected void ThrowIfClosed() => ObjectDisposedException.ThrowIf(IsClosed, typeof(IPacketResponseReceiver));
}
