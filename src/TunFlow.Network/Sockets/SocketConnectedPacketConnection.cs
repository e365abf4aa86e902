using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>A connected UDP socket.</summary>
/// <remarks>
/// The kernel drops what doesn't come from the peer, and gives an ICMP error of the peer's to whichever call comes next. System.Net.Sockets doesn't tell
/// that a datagram was longer than the buffer, so a smaller one than <see cref="MaxDatagram"/> is filled through a pooled one that holds any datagram.
/// </remarks>
internal sealed class SocketConnectedPacketConnection : IConnectedPacketConnection
{
    // The largest UDP payload, over IPv6 without jumbograms, is 65,527 bytes. One byte more shows that nothing was cut.
    private const int MaxDatagram = 65_528;

    private readonly Socket _socket;
    private readonly IPEndPoint _remote;

    // A receive into nothing would do to wait, but System.Net.Sockets swallows the error that ends such a wait, and the kernel tells it only once.
    private readonly byte[] _peek = new byte[1];
    private int _receiving;
    private int _disposed;

    public SocketConnectedPacketConnection(Socket socket, IPEndPoint remote)
    {
        _socket = socket;
        _remote = remote;
        LocalEndPoint = socket.LocalEndPoint;
    }

    public EndPoint? LocalEndPoint { get; }

    public EndPoint? RemoteEndPoint => _remote;

    // Winsock fails a peek that is shorter than the datagram.
    public bool CanWaitForData => !OperatingSystem.IsWindows();

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

    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _socket.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendCoreAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        try
        {
            await _socket.SendAsync(payload, SocketFlags.None, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReceivedDatagram> ReceiveCoreAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        byte[]? large = null;
        try
        {
            if (buffer.Length >= MaxDatagram)
            {
                return new ReceivedDatagram(await _socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken).ConfigureAwait(false), _remote, Truncated: false);
            }

            if (CanWaitForData)
            {
                await _socket.ReceiveAsync(_peek, SocketFlags.Peek, cancellationToken).ConfigureAwait(false);
                if (buffer.IsEmpty)
                {
                    return default;
                }
            }

            large = BlockPool.Rent();
            int received = await _socket.ReceiveAsync(large.AsMemory(), SocketFlags.None, cancellationToken).ConfigureAwait(false);
            int stored = Math.Min(received, buffer.Length);
            large.AsSpan(0, stored).CopyTo(buffer.Span);
            return new ReceivedDatagram(stored, _remote, Truncated: received > stored);
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }
        finally
        {
            if (large is not null)
            {
                BlockPool.Return(large);
            }

            Volatile.Write(ref _receiving, 0);
        }
    }

    private Exception Translate(Exception exception, CancellationToken cancellationToken) =>
        DatagramErrors.Translate(exception, this, IsDisposed, _remote, cancellationToken);
}
