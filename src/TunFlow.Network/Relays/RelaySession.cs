using System.Net;
using System.Runtime.CompilerServices;

namespace TunFlow.Network.Relays;

/// <summary>One session of a <see cref="RelayPacketProxy"/>.</summary>
/// <remarks>
/// Theory of operation. State goes Open -> Closed (association or receiver gone) -> Disposed, or Open -> Disposed, by compare-and-swap. Whoever leaves Open
/// disposes the association and then the receiver, once, and waits for nothing else; everybody else returns at once. The receive loop is told by the
/// association's disposal.
/// </remarks>
internal sealed partial class RelaySession(
    IPacketAssociation association,
    IPacketResponseReceiver receiver,
    TimeProvider timeProvider,
    PacketRelayCounters counters) : IPacketRequestSender, IThreadPoolWorkItem
{
    private const int Open = 0;
    private const int Closed = 1;
    private const int Disposed = 2;

    private readonly ReceiveBackOff _backOff = new(timeProvider);

    // The last unreachable destination that nobody was told of yet.
    private NetworkException? _unreachable;

    // How many datagrams the association may report on.
    private long _sent;
    private int _state;

    public void Start()
    {
        counters.Opened();

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
        Interlocked.Increment(ref _sent);
        ValueTask send;
        try
        {
            send = association.SendPacketAsync(payload, destination, cancellationToken);
        }
        catch (Exception exception)
        {
            if (SendFailed(exception) is { } translated)
            {
                throw translated;
            }

            throw;
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
            if (SendFailed(exception) is { } translated)
            {
                throw translated;
            }

            throw;
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
            throw new NetworkException(report.Error, report.Message, report);
        }
    }

    /// <returns>What to throw instead, or null to let the exception go on.</returns>
    private Exception? SendFailed(Exception exception)
    {
        if (Volatile.Read(ref _state) == Disposed)
        {
            return new ObjectDisposedException(nameof(IPacketRequestSender));
        }

        if (exception is OperationCanceledException or ArgumentException)
        {
            return null;
        }

        if (AssociationErrors.IsEnd(exception))
        {
            // The receive loop ends the session, after it delivered what came before.
            return AssociationErrors.Closed(exception);
        }

        Interlocked.Increment(ref counters.SendErrors);
        return exception is NetworkException ? null : NetworkErrors.Wrap(exception);
    }

    private async ValueTask CloseAsync()
    {
        Interlocked.Decrement(ref counters.ActiveAssociations);
        _backOff.Stop();
        try
        {
            await association.DisposeAsync().ConfigureAwait(false);
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
