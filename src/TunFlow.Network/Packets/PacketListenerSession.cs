using System.Net;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>One session of a <see cref="PacketListenerProxy"/>: a socket, and a loop that receives from it.</summary>
internal sealed partial class PacketListenerSession(
    IPacketConnection connection,
    IPacketResponseReceiver receiver,
    IdleSweeper sweeper,
    PacketListenerCounters counters,
    bool responsesProlong) : PacketSession(receiver, sweeper, counters), IThreadPoolWorkItem
{
    private readonly EndPointSpelling _spelling = new();
    private readonly ReceiveBackOff _backOff = new(sweeper.TimeProvider);

    // The last unreachable destination that nobody was told of yet.
    private Unreachable? _unreachable;

    // How many datagrams the transport may report on.
    private long _sent;

    public void Start()
    {
        Begin();

        // On the pool, not here: datagrams may be there already, and the caller must not be made to deliver them.
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    public void Execute() => _ = ReceiveLoopAsync();

    public override ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (payload.IsEmpty)
        {
            return IgnoreEmpty();
        }

        EnterWrite(destination.Port);
        _spelling.Note(destination);
        ThrowIfUnreachable(destination);
        Interlocked.Increment(ref _sent);
        ValueTask send;
        try
        {
            send = connection.SendToAsync(payload, destination, cancellationToken);
        }
        catch (Exception exception)
        {
            throw SendFailed(exception, cancellationToken);
        }

        if (send.IsCompletedSuccessfully)
        {
            send.GetAwaiter().GetResult();
            Interlocked.Increment(ref counters.DatagramsSent);
            return ValueTask.CompletedTask;
        }

        return FinishSendAsync(send, cancellationToken);
    }

    protected override ValueTask CloseUpstreamAsync()
    {
        _backOff.Stop();
        return connection.DisposeAsync();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishSendAsync(ValueTask send, CancellationToken cancellationToken)
    {
        try
        {
            await send.ConfigureAwait(false);
            Interlocked.Increment(ref counters.DatagramsSent);
        }
        catch (Exception exception)
        {
            throw SendFailed(exception, cancellationToken);
        }
    }

    /// <summary>Once per report, as a connected socket does: the datagram after it is sent again, for the host may have come up meanwhile.</summary>
    private void ThrowIfUnreachable(IPEndPoint destination)
    {
        if (Volatile.Read(ref _unreachable) is { } unreachable
            && destination.Equals(unreachable.Destination)
            && Interlocked.CompareExchange(ref _unreachable, null, unreachable) == unreachable)
        {
            throw new NetworkException(unreachable.Report.Error, unreachable.Report.Message, unreachable.Report);
        }
    }

    private Exception SendFailed(Exception exception, CancellationToken cancellationToken)
    {
        Exception translated = Translate(exception, cancellationToken);
        if (translated is NetworkException)
        {
            Interlocked.Increment(ref counters.SendErrors);
        }

        return translated;
    }

    private sealed record Unreachable(NetworkException Report, IPEndPoint Destination);
}
