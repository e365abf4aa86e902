using System.Net;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>One peer's view of an unconnected datagram socket.</summary>
/// <remarks>
/// A wait with an empty buffer must not end for a datagram that will be dropped, and whose a datagram is shows only when it is taken. So such a wait takes
/// it, into a pooled block, and the peer's stays there until the next receive; an idle connection holds none.
/// </remarks>
internal sealed class ListenerPacketConnection : IConnectedPacketConnection
{
    private readonly IPacketConnection _connection;
    private readonly IPEndPoint _peer;
    private readonly PacketListenerDialer _dialer;
    private byte[]? _ahead;
    private ReceivedDatagram _aheadDatagram;
    private int _receiving;
    private int _disposed;

    public ListenerPacketConnection(IPacketConnection connection, IPEndPoint peer, PacketListenerDialer dialer)
    {
        _connection = connection;
        _peer = peer;
        _dialer = dialer;
        CanWaitForData = connection.CanWaitForData;
        LocalEndPoint = connection.LocalEndPoint;
    }

    public EndPoint? LocalEndPoint { get; }

    public EndPoint? RemoteEndPoint => _peer;

    public bool CanWaitForData { get; }

    private bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    public ValueTask SendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled(cancellationToken) : SendCoreAsync(payload, cancellationToken);
    }

    public ValueTask<ReceivedDatagram> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<ReceivedDatagram>(cancellationToken);
        }

        if (Interlocked.CompareExchange(ref _receiving, 1, 0) != 0)
        {
            throw new InvalidOperationException("Another receive is pending.");
        }

        return ReceiveCoreAsync(buffer, cancellationToken);
    }

    public ValueTask DisposeAsync() => Interlocked.Exchange(ref _disposed, 1) == 0 ? _connection.DisposeAsync() : ValueTask.CompletedTask;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendCoreAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        try
        {
            await _connection.SendToAsync(payload, _peer, cancellationToken).ConfigureAwait(false);
        }
        catch (ObjectDisposedException exception)
        {
            throw Closed(exception);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReceivedDatagram> ReceiveCoreAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            if (buffer.IsEmpty && CanWaitForData)
            {
                await WaitAsync(cancellationToken).ConfigureAwait(false);
                return default;
            }

            if (_ahead is not null)
            {
                return TakeAhead(buffer.Span);
            }

            return await ReceiveFromPeerAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        catch (ObjectDisposedException exception)
        {
            throw Closed(exception);
        }
        finally
        {
            Volatile.Write(ref _receiving, 0);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        while (_ahead is null)
        {
            await _connection.ReceiveFromAsync(Memory<byte>.Empty, cancellationToken).ConfigureAwait(false);
            byte[] block = BlockPool.Rent();

            // If this fails the block is left to the collector: a socket of somebody else's making may still write to it.
            ReceivedDatagram datagram = await _connection.ReceiveFromAsync(block, cancellationToken).ConfigureAwait(false);
            if (IsFromPeer(datagram))
            {
                (_aheadDatagram, _ahead) = (datagram, block);
            }
            else
            {
                BlockPool.Return(block);
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReceivedDatagram> ReceiveFromPeerAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            ReceivedDatagram datagram = await _connection.ReceiveFromAsync(buffer, cancellationToken).ConfigureAwait(false);
            if (IsFromPeer(datagram))
            {
                return datagram with { Source = _peer };
            }
        }
    }

    private ReceivedDatagram TakeAhead(Span<byte> buffer)
    {
        byte[] block = _ahead!;
        _ahead = null;
        int stored = Math.Min(_aheadDatagram.Length, buffer.Length);
        block.AsSpan(0, stored).CopyTo(buffer);
        BlockPool.Return(block);
        return new ReceivedDatagram(stored, _peer, _aheadDatagram.Truncated || stored < _aheadDatagram.Length);
    }

    private bool IsFromPeer(in ReceivedDatagram datagram)
    {
        if (datagram.Source is { } source && EndPoints.AreSame(source, _peer))
        {
            return true;
        }

        _dialer.CountForeignDatagram();
        return false;
    }

    private Exception Closed(ObjectDisposedException exception) =>
        IsDisposed ? new ObjectDisposedException(GetType().FullName, exception) : new NetworkException(NetworkError.Closed, "The socket was closed.", exception);
}
