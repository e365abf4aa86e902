using System.Net;
using System.Runtime.CompilerServices;

namespace TunFlow.Network.Relays;

/// <summary>One association of a <see cref="PacketListenerRelay"/>.</summary>
/// <remarks>
/// Where the transport can't wait without taking, a wait takes the datagram into a pooled block and keeps it there for the receive that follows; only then
/// does a waiting association hold a buffer.
/// </remarks>
internal sealed class ListenerAssociation(IPacketConnection connection, IdleSweeper sweeper, TimeProvider timeProvider, PacketRelayCounters counters)
    : IdleAssociation(sweeper, timeProvider, counters)
{
    private readonly TimeProvider _timeProvider = timeProvider;
    private ReceiveBackOff? _backOff;
    private byte[]? _block;
    private ReceivedDatagram _kept;

    // How many datagrams the transport may report on.
    private long _sent;

    private ReceiveBackOff BackOff
    {
        get
        {
            if (_backOff is null)
            {
                Volatile.Write(ref _backOff, new ReceiveBackOff(_timeProvider));

                // Stored before the state is looked at, as the end changes the state before it looks for this: one of them sees the other.
                Interlocked.MemoryBarrier();
                if (!IsOpen)
                {
                    _backOff.Stop();
                }
            }

            return _backOff;
        }
    }

    protected override ValueTask SendCoreAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _sent);
        return connection.SendToAsync(payload, destination, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    protected override async ValueTask<ReceivedDatagram> ReceiveCoreAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_block is not null)
            {
                return buffer.IsEmpty ? default : TakeKept(buffer);
            }

            try
            {
                ReceivedDatagram datagram;
                if (!buffer.IsEmpty)
                {
                    datagram = Checked(await connection.ReceiveFromAsync(buffer, cancellationToken).ConfigureAwait(false), buffer.Length);
                }
                else if (connection.CanWaitForData)
                {
                    await connection.ReceiveFromAsync(buffer, cancellationToken).ConfigureAwait(false);
                    return default;
                }
                else
                {
                    datagram = await KeepAsync(cancellationToken).ConfigureAwait(false);
                }

                _backOff?.Reset();
                if (datagram.Source is not null)
                {
                    if (_block is null)
                    {
                        return datagram;
                    }

                    continue;
                }

                // A proxy may name its source by a domain. Resolving it here would block the association, and the answer could be another host.
                Interlocked.Increment(ref Counters.DroppedUnknownSource);
                ReleaseReceived();
                continue;
            }
            catch (NetworkException exception) when (IsOpen && exception.Destination is not null)
            {
                await BackOff.AfterReportAsync(Volatile.Read(ref _sent), cancellationToken).ConfigureAwait(false);
                throw;
            }
            catch (Exception exception) when (IsBadDatagram(exception, cancellationToken))
            {
                Interlocked.Increment(ref Counters.ReceiveErrors);
                await BackOff.AfterErrorAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    protected override void OnEnded()
    {
        base.OnEnded();
        Volatile.Read(ref _backOff)?.Stop();
    }

    protected override void ReleaseReceived()
    {
        if (_block is { } block)
        {
            _block = null;
            BlockPool.Return(block);
        }
    }

    protected override ValueTask CloseCoreAsync() => connection.DisposeAsync();

    /// <summary>A transport of somebody else's making may claim a length that isn't in the buffer.</summary>
    private static ReceivedDatagram Checked(ReceivedDatagram datagram, int capacity) =>
        (uint)datagram.Length <= (uint)capacity ? datagram : datagram with { Length = 0, Truncated = true };

    private bool IsBadDatagram(Exception exception, CancellationToken cancellationToken) =>
        IsOpen
        && !AssociationErrors.IsEnd(exception)
        && !(exception is OperationCanceledException && cancellationToken.IsCancellationRequested);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReceivedDatagram> KeepAsync(CancellationToken cancellationToken)
    {
        byte[] block = BlockPool.Rent();
        try
        {
            _kept = Checked(await connection.ReceiveFromAsync(block, cancellationToken).ConfigureAwait(false), block.Length);
        }
        catch
        {
            BlockPool.Return(block);
            throw;
        }

        _block = block;
        return _kept;
    }

    private ReceivedDatagram TakeKept(Memory<byte> buffer)
    {
        int length = Math.Min(_kept.Length, buffer.Length);
        _block.AsSpan(0, length).CopyTo(buffer.Span);
        bool truncated = _kept.Truncated || length < _kept.Length;
        ReleaseReceived();
        return new ReceivedDatagram(length, _kept.Source, truncated);
    }
}
