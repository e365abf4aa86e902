using System.Net;
using System.Runtime.CompilerServices;

namespace TunFlow.Network.Relays;

/// <summary>What all associations of this library have in common: their states, the errors that follow from them, and one receive at a time.</summary>
/// <remarks>
/// Theory of operation. State goes Open -> Closed (idle, transport gone) -> Disposed, or Open -> Disposed, by compare-and-swap. Whoever leaves Open closes
/// the transport, once; everybody else returns at once, so that foreign code which disposes the association from within a disposal can't dead-lock. The
/// state tells a caller which error a transport that vanished underneath means. No lock is held while anything foreign runs, for there is none. Expiring is
/// open, too: it lets a send take the association back from an expiry that has not seen it (see <see cref="IdleAssociation"/>).
/// </remarks>
internal abstract partial class AssociationBase(PacketRelayCounters counters) : IPacketAssociation
{
    private const int Open = 0;
    private const int Expiring = 1;
    private const int Closed = 2;
    private const int Disposed = 3;

    // Of _receiving: whose turn it is.
    private const int Idle = 0;
    private const int Receiving = 1;
    private const int Releasing = 2;

    private int _state;
    private int _receiving;

    protected PacketRelayCounters Counters => counters;

    protected bool IsOpen => Volatile.Read(ref _state) <= Expiring;

    /// <summary>Whether what came before the association ended by itself can be received afterwards.</summary>
    protected virtual bool DrainsWhenClosed => false;

    /// <summary>Whether a send that is told Closed ends the association. If not, a receive does, after it got what came before.</summary>
    protected virtual bool EndsBySending => true;

    public ValueTask SendPacketAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ThrowIfNotOpen();
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        if (payload.IsEmpty)
        {
            return ValueTask.CompletedTask;
        }

        if (!TryTouch())
        {
            ThrowIfNotOpen();
        }

        ValueTask send;
        try
        {
            send = SendCoreAsync(payload, destination, cancellationToken);
        }
        catch (Exception exception)
        {
            if (SendFailed(exception, cancellationToken) is { } translated)
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

        return FinishSendAsync(send, cancellationToken);
    }

    public ValueTask<ReceivedDatagram> ReceivePacketAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!DrainsWhenClosed || Volatile.Read(ref _state) == Disposed)
        {
            ThrowIfNotOpen();
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<ReceivedDatagram>(cancellationToken);
        }

        switch (Interlocked.CompareExchange(ref _receiving, Receiving, Idle))
        {
            case Receiving:
                throw new InvalidOperationException("Another receive is pending.");
            case Releasing:
                // It has ended since the look above.
                ThrowIfNotOpen();
                break;
        }

        return ReceiveAsync(buffer, cancellationToken);
    }

    /// <summary>Notes that something is being sent. False if the association has ended instead.</summary>
    protected virtual bool TryTouch() => true;

    protected abstract ValueTask SendCoreAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken);

    /// <summary>Receives one datagram with an IP source, or waits for it if the buffer is empty. Never called twice at once.</summary>
    protected abstract ValueTask<ReceivedDatagram> ReceiveCoreAsync(Memory<byte> buffer, CancellationToken cancellationToken);

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
            if (SendFailed(exception, cancellationToken) is { } translated)
            {
                throw translated;
            }

            throw;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReceivedDatagram> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            ReceivedDatagram datagram = await ReceiveCoreAsync(buffer, cancellationToken).ConfigureAwait(false);
            if (!buffer.IsEmpty)
            {
                Interlocked.Increment(ref datagram.Truncated ? ref counters.DatagramsTruncated : ref counters.DatagramsReceived);
            }

            return datagram;
        }
        catch (Exception exception)
        {
            if (ReceiveFailed(exception, cancellationToken) is { } translated)
            {
                throw translated;
            }

            throw;
        }
        finally
        {
            // A full fence between giving the turn back and looking at the state: either this sees the end, or the end sees that nobody receives.
            Interlocked.Exchange(ref _receiving, Idle);
            if (!IsOpen)
            {
                ReleaseUnlessReceiving();
            }
        }
    }

    private void ThrowIfNotOpen()
    {
        switch (Volatile.Read(ref _state))
        {
            case Closed:
                throw AssociationErrors.Closed();
            case Disposed:
                throw AssociationErrors.Disposed();
        }
    }
}
