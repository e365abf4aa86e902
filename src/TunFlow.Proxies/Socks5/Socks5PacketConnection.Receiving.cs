using System.Runtime.CompilerServices;
using TunFlow.Network;

namespace TunFlow.Proxies;

/// <content>Receiving: into a pooled block, from which the payload is copied. While nothing comes there is no block.</content>
internal sealed partial class Socks5PacketConnection
{
    private readonly Socks5Sources _sources = new();
    private byte[]? _ahead;
    private int _aheadHeader;
    private int _aheadLength;
    private bool _aheadTruncated;
    private int _receiving;

    public ValueTask<ReceivedDatagram> ReceiveFromAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
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

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReceivedDatagram> ReceiveCoreAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            if (_ahead is null)
            {
                await FetchAsync(cancellationToken).ConfigureAwait(false);
            }

            return buffer.IsEmpty ? default : TakeAhead(buffer.Span);
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _receiving, 0);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FetchAsync(CancellationToken cancellationToken)
    {
        while (_ahead is null)
        {
            if (_socket.CanWaitForData)
            {
                await _socket.ReceiveAsync(Memory<byte>.Empty, cancellationToken).ConfigureAwait(false);
            }

            byte[] block = BlockPool.Rent();

            // If this fails the block is left to the collector: a socket of somebody else's making may still write to it.
            ReceivedDatagram datagram = await _socket.ReceiveAsync(block, cancellationToken).ConfigureAwait(false);
            int length = Math.Min(datagram.Length, block.Length);
            switch (Socks5Datagram.Read(block.AsSpan(0, length), out int header))
            {
                case Socks5DatagramKind.Whole:
                    (_aheadHeader, _aheadLength, _aheadTruncated, _ahead) = (header, length - header, datagram.Truncated, block);
                    break;
                case Socks5DatagramKind.Fragment:
                    Interlocked.Increment(ref _counters.DroppedFragments);
                    BlockPool.Return(block);
                    break;
                default:
                    Interlocked.Increment(ref _counters.DroppedMalformed);
                    BlockPool.Return(block);
                    break;
            }
        }
    }

    private ReceivedDatagram TakeAhead(Span<byte> buffer)
    {
        byte[] block = _ahead!;
        _ahead = null;
        int stored = Math.Min(_aheadLength, buffer.Length);
        block.AsSpan(_aheadHeader, stored).CopyTo(buffer);
        ReceivedDatagram datagram = new(stored, _sources.Find(block.AsSpan(Socks5Datagram.Prefix, _aheadHeader - Socks5Datagram.Prefix)), _aheadTruncated || stored < _aheadLength);
        BlockPool.Return(block);
        return datagram;
    }
}
