using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>A connected TCP (or Unix stream) socket.</summary>
/// <remarks>
/// Theory of operation. Each direction has a busy flag (overlap detection) and ends once; the end is remembered, because the kernel forgets: an RST is
/// reported to one call only, afterwards reads return 0 as if the peer had closed. Whoever sees the error first stores it in <see cref="_fault"/>.
/// Reads are given <see cref="_readStop"/> rather than the caller's token so that <see cref="AbortReads"/> and disposal can end them; the source is
/// replaced after a caller's token used it up.
/// </remarks>
[SuppressMessage("Reliability", "CA2213", Justification = "_readStop has no timer and no handle, and a caller's token may still cancel it after disposal.")]
internal sealed partial class SocketStreamConnection : StreamConnection
{
    private static readonly Action<object?> s_cancelStop = static state => ((CancellationTokenSource)state!).Cancel();

    private readonly Socket _socket;
    private readonly ClosedSignal _readsClosed = new();
    private readonly ClosedSignal _writesClosed = new();
    private CancellationTokenSource _readStop = new();
    private NetworkException? _fault;
    private int _reading;
    private int _writing;
    private int _readsAborted;
    private int _disposed;
    private volatile bool _readsEnded;
    private volatile bool _writesCompleting;
    private volatile bool _writesCompleted;

    /// <param name="socket">Connected; the connection's from here on.</param>
    /// <param name="remote">The other end, where it is known; null asks the system.</param>
    public SocketStreamConnection(Socket socket, EndPoint? remote = null)
    {
        ArgumentNullException.ThrowIfNull(socket);
        _socket = socket;
        LocalEndPoint = socket.LocalEndPoint;
        RemoteEndPoint = remote ?? socket.RemoteEndPoint;
    }

    public override EndPoint? LocalEndPoint { get; }

    public override EndPoint? RemoteEndPoint { get; }

    public override Task ReadsClosed => _readsClosed.Task;

    public override Task WritesClosed => _writesClosed.Task;

    public override bool CanRead => !IsDisposed;

    public override bool CanWrite => !IsDisposed;

    public override bool CanWaitForData => true;

    private bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        StreamCalls.Enter(ref _reading, in _disposed, this, "Another read is pending.");
        if (_readsEnded)
        {
            Volatile.Write(ref _reading, 0);
            return ValueTask.FromResult(0);
        }

        if (_readStop.IsCancellationRequested)
        {
            _readStop = new CancellationTokenSource();
        }

        // AbortReads sets its flag before it loads _readStop, this method stores _readStop before it looks at the flag: one of them sees the other.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _readsAborted) != 0)
        {
            Volatile.Write(ref _reading, 0);
            return ValueTask.FromResult(0);
        }

        ValueTask<int> receive;
        try
        {
            receive = _socket.ReceiveAsync(buffer, SocketFlags.None, _readStop.Token);
        }
        catch (ObjectDisposedException)
        {
            Volatile.Write(ref _reading, 0);
            throw new ObjectDisposedException(GetType().FullName);
        }
        catch
        {
            Volatile.Write(ref _reading, 0);
            throw;
        }

        if (CompletedCall.TryTake(ref receive, out int received) && (received > 0 || buffer.Length == 0))
        {
            Volatile.Write(ref _reading, 0);
            return ValueTask.FromResult(received);
        }

        return FinishReadAsync(receive, buffer.Length, cancellationToken);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        StreamCalls.Enter(ref _writing, in _disposed, this, "Another write is pending.");
        ValueTask<int> send;
        try
        {
            if (_writesCompleted)
            {
                throw new InvalidOperationException("Writes were completed.");
            }

            StreamCalls.ThrowIfFaulted(in _fault);
            if (buffer.IsEmpty)
            {
                Volatile.Write(ref _writing, 0);
                return ValueTask.CompletedTask;
            }

            send = _socket.SendAsync(buffer, SocketFlags.None, cancellationToken);
        }
        catch (ObjectDisposedException)
        {
            Volatile.Write(ref _writing, 0);
            throw new ObjectDisposedException(GetType().FullName);
        }
        catch
        {
            Volatile.Write(ref _writing, 0);
            throw;
        }

        if (CompletedCall.TryTake(ref send, out int sent) && sent == buffer.Length)
        {
            Volatile.Write(ref _writing, 0);
            return ValueTask.CompletedTask;
        }

        return FinishWriteAsync(send, buffer, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> FinishReadAsync(ValueTask<int> receive, int length, CancellationToken cancellationToken)
    {
        CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(s_cancelStop, _readStop);
        try
        {
            int received = await receive.ConfigureAwait(false);
            if (received == 0 && length > 0)
            {
                EndOfReads();
            }

            return received;
        }
        catch (OperationCanceledException) when (Volatile.Read(ref _readsAborted) != 0 && !IsDisposed)
        {
            return 0;
        }
        catch (Exception exception) when (exception is not NetworkException)
        {
            throw Translate(exception, cancellationToken);
        }
        finally
        {
            // Waits for a callback that is just running: afterwards the token can't touch the stop source of a later read.
            registration.Dispose();
            Volatile.Write(ref _reading, 0);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishWriteAsync(ValueTask<int> send, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                int sent = await send.ConfigureAwait(false);
                if (sent >= buffer.Length)
                {
                    return;
                }

                buffer = buffer[sent..];
                send = _socket.SendAsync(buffer, SocketFlags.None, cancellationToken);
            }
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }
}
