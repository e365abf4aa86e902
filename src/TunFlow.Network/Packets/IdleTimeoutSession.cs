using System.Net;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>One session of an <see cref="IdleTimeoutPacketProxy"/>.</summary>
internal sealed class IdleTimeoutSession(IPacketResponseReceiver receiver, IdleSweeper sweeper, PacketSessionCounters counters, bool responsesProlong)
    : PacketSession(receiver, sweeper, counters)
{
    private IPacketRequestSender? _inner;
    private bool _started;

    /// <summary>Before that the receiver is the caller's, and nothing may dispose it.</summary>
    public bool IsStarted => Volatile.Read(ref _started);

    public void Start(IPacketRequestSender inner, IdleTimeoutReceiver innerReceiver)
    {
        _inner = inner;
        Prolong();
        Begin();
        Volatile.Write(ref _started, true);
        Interlocked.MemoryBarrier();
        if (innerReceiver.IsClosed)
        {
            // It ended before it was there to be told.
            End();
        }
    }

    public void NoteResponse()
    {
        if (responsesProlong)
        {
            Prolong();
        }
    }

    public override ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (payload.IsEmpty)
        {
            return IgnoreEmpty();
        }

        EnterWrite(destination.Port);
        ValueTask send;
        try
        {
            send = _inner!.WriteToAsync(payload, destination, cancellationToken);
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }

        if (send.IsCompletedSuccessfully)
        {
            send.GetAwaiter().GetResult();
            return ValueTask.CompletedTask;
        }

        return FinishAsync(send, cancellationToken);
    }

    protected override ValueTask CloseUpstreamAsync() => _inner!.DisposeAsync();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishAsync(ValueTask send, CancellationToken cancellationToken)
    {
        try
        {
            await send.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }
    }
}
