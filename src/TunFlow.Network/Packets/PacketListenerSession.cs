using System.Net;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>One session of a <see cref="PacketListenerProxy"/>.</summary>
/// <remarks>
/// Theory of operation. State goes Open -> Closed (idle, socket gone, receiver gone) -> Disposed, or Open -> Disposed, by compare-and-swap. Whoever
/// leaves Open closes the socket and then the receiver, once; everybody else returns at once, so that a receiver which disposes the sender from within
/// its own disposal, as the contract allows, can't dead-lock. The state tells a caller which error a socket that vanished underneath means.
/// </remarks>
internal sealed partial class PacketListenerSession(
    IPacketConnection connection,
    IPacketResponseReceiver receiver,
    IdleSweeper sweeper,
    TimeProvider timeProvider,
    PacketListenerCounters counters) : IPacketRequestSender, IIdleSession, IThreadPoolWorkItem
{
    private const int Open = 0;
    private const int Closed = 1;
    private const int Disposed = 2;

    // The last unreachable destination that nobody was told of yet.
    private NetworkException? _unreachable;
    private long _lastActivity = timeProvider.GetTimestamp();
    private int _state;

    public long LastActivity => Volatile.Read(ref _lastActivity);

    public int SweepIndex { get; set; } = -1;

    public void Start()
    {
        Interlocked.Increment(ref counters.SessionsOpened);
        Interlocked.Increment(ref counters.ActiveSessions);
        sweeper.Add(this);

        // On the pool, not here: datagrams may be there already, and the caller must not be made to deliver them.
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    public void Execute() => _ = ReceiveLoopAsync();

    public ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ThrowIfNotOpen();
        if (payload.IsEmpty)
        {
            return ValueTask.CompletedTask;
        }

        ThrowIfUnreachable(destination);

        // Before sending: a sweep that comes in between finds the session busy, and one that was faster makes the send fail with Closed, never silently.
        Volatile.Write(ref _lastActivity, timeProvider.GetTimestamp());
        ValueTask send;
        try
        {
            send = connection.SendToAsync(payload, destination, cancellationToken);
        }
        catch (Exception exception)
        {
            throw SendFailed(exception);
        }

        if (send.IsCompletedSuccessfully)
        {
            send.GetAwaiter().GetResult();
            Interlocked.Increment(ref counters.DatagramsSent);
            return ValueTask.CompletedTask;
        }

        return FinishSendAsync(send);
    }

    public async ValueTask DisposeAsync()
    {
        int previous = Interlocked.Exchange(ref _state, Disposed);
        if (previous == Open)
        {
            await CloseAsync().ConfigureAwait(false);
        }
    }

    public void Expire()
    {
        if (Interlocked.CompareExchange(ref _state, Closed, Open) == Open)
        {
            Interlocked.Increment(ref counters.SessionsExpired);
            _ = CloseUnobservedAsync();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishSendAsync(ValueTask send)
    {
        try
        {
            await send.ConfigureAwait(false);
            Interlocked.Increment(ref counters.DatagramsSent);
        }
        catch (Exception exception)
        {
            throw SendFailed(exception);
        }
    }

    private void ThrowIfNotOpen()
    {
        switch (Volatile.Read(ref _state))
        {
            case Closed:
                throw new NetworkException(NetworkError.Closed, "The packet session has ended.");
            case Disposed:
                throw new ObjectDisposedException(nameof(IPacketRequestSender));
        }
    }

    /// <summary>Once per report, as a connected socket does: the datagram after it is sent again, for the host may have come up meanwhile.</summary>
    private void ThrowIfUnreachable(IPEndPoint destination)
    {
        if (Volatile.Read(ref _unreachable) is { } report
            && destination.Equals(report.Destination)
            && Interlocked.CompareExchange(ref _unreachable, null, report) == report)
        {
            Volatile.Write(ref _lastActivity, timeProvider.GetTimestamp());
            throw new NetworkException(report.Error, report.Message, report);
        }
    }

    private Exception SendFailed(Exception exception)
    {
        if (Volatile.Read(ref _state) == Disposed)
        {
            return new ObjectDisposedException(nameof(IPacketRequestSender));
        }

        if (exception is OperationCanceledException)
        {
            return exception;
        }

        Interlocked.Increment(ref counters.SendErrors);
        return NetworkErrors.Wrap(exception);
    }

    private async ValueTask CloseAsync()
    {
        sweeper.Remove(this);
        Interlocked.Decrement(ref counters.ActiveSessions);
        try
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            await receiver.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task CloseUnobservedAsync()
    {
        try
        {
            await CloseAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Foreign code failed in its disposal and there is no caller to tell.
            Interlocked.Increment(ref counters.DisposeErrors);
        }
    }
}
