using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>An unconnected UDP socket.</summary>
/// <remarks>
/// <para>Receiving never cuts silently: System.Net.Sockets doesn't tell that a datagram was longer than the buffer, so a smaller buffer than
/// <see cref="MaxDatagram"/> is filled through a pooled one that holds any datagram.</para>
/// <para>ICMP errors: the kernel gives them to whichever call comes next. A send that meets an older error is repeated; the error itself is queued for
/// the receiver, which is woken for it.</para>
/// </remarks>
[SuppressMessage("Reliability", "CA2213", Justification = "_wake has no timer and no handle, and may still be cancelled by a token after disposal.")]
internal sealed partial class SocketPacketConnection : IPacketConnection
{
    // The largest UDP payload, over IPv6 without jumbograms, is 65,527 bytes. One byte more shows that nothing was cut.
    private const int MaxDatagram = 65_528;
    private const int CachedPeers = 256;

    private static readonly Action<object?> s_cancelWake = static state => ((CancellationTokenSource)state!).Cancel();

    private readonly Socket _socket;
    private readonly bool _hasErrorQueue;
    private readonly Lock _destinationLock = new();
    private readonly EndPointCache _destinations;
    private readonly EndPointCache _sources;
    private readonly SocketAddress _source;

    // A receive into nothing would do to wait, but System.Net.Sockets swallows the error that ends such a wait, and the kernel tells it only once.
    private readonly byte[] _peek = new byte[1];
    private CancellationTokenSource _wake = new();
    private int _receiving;
    private int _disposed;

    public SocketPacketConnection(Socket socket, bool dualMode, bool hasErrorQueue)
    {
        _socket = socket;
        _hasErrorQueue = hasErrorQueue;
        _destinations = new EndPointCache(dualMode, CachedPeers);
        _sources = new EndPointCache(dualMode, CachedPeers);
        _source = new SocketAddress(socket.AddressFamily);
        LocalEndPoint = socket.LocalEndPoint;
    }

    public EndPoint? LocalEndPoint { get; }

    // Winsock fails a peek that is shorter than the datagram.
    public bool CanWaitForData => !OperatingSystem.IsWindows();

    private bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    public ValueTask SendToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        if (_socket.AddressFamily == AddressFamily.InterNetwork && destination.AddressFamily != AddressFamily.InterNetwork)
        {
            throw new NetworkException(NetworkError.NetworkUnreachable, "This UDP socket serves IPv4 only.");
        }

        SocketAddress address;
        lock (_destinationLock)
        {
            address = _destinations.ToAddress(destination);
        }

        ValueTask<int> send;
        try
        {
            send = _socket.SendToAsync(payload, SocketFlags.None, address, cancellationToken);
        }
        catch (ObjectDisposedException)
        {
            throw new ObjectDisposedException(GetType().FullName);
        }

        if (CompletedCall.TryTake(ref send, out _))
        {
            return ValueTask.CompletedTask;
        }

        return FinishSendAsync(send, payload, address, cancellationToken);
    }

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

    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _socket.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReceivedDatagram> ReceiveCoreAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        CancellationTokenRegistration registration = default;
        try
        {
            while (true)
            {
                if (_wake.IsCancellationRequested)
                {
                    _wake = new CancellationTokenSource();
                }

                // A sender queues its error before it loads _wake, this method stores _wake before it looks at the queue: one of them sees the other.
                Interlocked.MemoryBarrier();
                ThrowIfReported();
                registration = cancellationToken.UnsafeRegister(s_cancelWake, _wake);
                try
                {
                    return await ReceiveOnceAsync(buffer, _wake.Token).ConfigureAwait(false);
                }
                catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested && !IsDisposed)
                {
                    // Woken for a report, which may have been taken by an earlier receive.
                    registration.Dispose();
                }
            }
        }
        catch (Exception exception) when (exception is not NetworkException)
        {
            throw ReceiveFailed(exception, cancellationToken);
        }
        finally
        {
            // Waits for a callback that is just running: afterwards the token can't touch the source of a later receive.
            registration.Dispose();
            Volatile.Write(ref _receiving, 0);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReceivedDatagram> ReceiveOnceAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (buffer.Length >= MaxDatagram)
        {
            int length = await _socket.ReceiveFromAsync(buffer, SocketFlags.None, _source, cancellationToken).ConfigureAwait(false);
            return new ReceivedDatagram(length, _sources.ToEndPoint(_source), Truncated: false);
        }

        if (CanWaitForData)
        {
            await _socket.ReceiveAsync(_peek, SocketFlags.Peek, cancellationToken).ConfigureAwait(false);
            if (buffer.IsEmpty)
            {
                return default;
            }
        }

        byte[] large = BlockPool.Rent();
        try
        {
            int received = await _socket.ReceiveFromAsync(large, SocketFlags.None, _source, cancellationToken).ConfigureAwait(false);
            int stored = Math.Min(received, buffer.Length);
            large.AsSpan(0, stored).CopyTo(buffer.Span);
            return new ReceivedDatagram(stored, _sources.ToEndPoint(_source), Truncated: received > stored);
        }
        finally
        {
            BlockPool.Return(large);
        }
    }
}
