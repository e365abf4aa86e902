using System.Buffers;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <content>The ends: half-close, abort, disposal, and telling an end from an error.</content>
internal sealed partial class SocketStreamConnection
{
    private const int DrainBufferSize = 16 * 1024;

    public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        StreamCalls.Enter(ref _writing, in _disposed, this, "A write is pending.");
        try
        {
            if (_writesCompleted)
            {
                return ValueTask.CompletedTask;
            }

            StreamCalls.ThrowIfFaulted(in _fault);

            // Told first: with both FINs passed at once, a concurrent read finds the connection in CLOSE before shutdown() has returned.
            _writesCompleting = true;
            _socket.Shutdown(SocketShutdown.Send);
            _writesCompleted = true;
            _writesClosed.Complete();
            return ValueTask.CompletedTask;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            throw Translate(exception, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    public override void AbortReads()
    {
        if (IsDisposed || Interlocked.Exchange(ref _readsAborted, 1) != 0)
        {
            return;
        }

        // Not shutdown(SHUT_RD): on Linux that makes the socket readable for ever while the peer's data still piles up behind a closing window.
        Volatile.Read(ref _readStop).Cancel();
        bool ended = _readsEnded;
        _readsClosed.Complete();
        if (!ended)
        {
            _ = DrainAsync();
        }
    }

    public override void Abort()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Close(abortive: true);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            // A write that is cut short must not look like a complete stream to the peer, and neither must a stream whose answer nobody read:
            // for the latter the kernel sends an RST on close() by itself, but not after the shutdown() that Close needs.
            Close(abortive: Volatile.Read(ref _writing) != 0 || HasUnreadData());
        }

        base.Dispose(disposing);
    }

    private void Close(bool abortive)
    {
        Volatile.Read(ref _readStop).Cancel();
        try
        {
            if (abortive)
            {
                _socket.LingerState = new LingerOption(enable: true, seconds: 0);
            }
            else if (!_writesCompleted)
            {
                // System.Net.Sockets turns closing into an RST if operations were pending, unless the socket was shut down before. Once is enough:
                // when both FINs have passed, a second time is an exception for every connection that ends well.
                _socket.Shutdown(SocketShutdown.Send);
            }
        }
        catch (SocketException)
        {
            // Already disconnected: there is nobody left to tell.
        }
        catch (ObjectDisposedException)
        {
            // The creator of the socket closed it; its descriptor is gone.
        }

        if (abortive)
        {
            _socket.Close(0);
        }
        else
        {
            _socket.Dispose();
        }

        _readsClosed.Complete();
        _writesClosed.Complete();
    }

    private bool HasUnreadData()
    {
        if (_readsEnded || Volatile.Read(ref _readsAborted) != 0)
        {
            return false;
        }

        try
        {
            return _socket.Available > 0;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Without a connection there is nothing to read.
            return false;
        }
    }

    /// <summary>Reads and forgets what the peer still sends, so that its sending isn't stalled by a full window.</summary>
    private async Task DrainAsync()
    {
        try
        {
            while (true)
            {
                await _socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None).ConfigureAwait(false);
                byte[] buffer = ArrayPool<byte>.Shared.Rent(DrainBufferSize);
                int received;
                try
                {
                    received = await _socket.ReceiveAsync(buffer.AsMemory(), SocketFlags.None).ConfigureAwait(false);
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                }

                if (received == 0)
                {
                    return;
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Nobody waits for this loop; a broken connection is for the writer to know.
            Translate(exception, CancellationToken.None);
        }
    }

    private void EndOfReads()
    {
        StreamCalls.ThrowIfFaulted(in _fault);

        // If a concurrent write took the RST's error, this read sees 0, an end that the peer never sent. Only a connection whose FINs both
        // passed may be in CLOSE, and ours didn't: looked at after the state, because it may leave just now.
        if (!IsDisposed && LinuxTcpState.IsClosed(_socket) && !_writesCompleting)
        {
            throw Fail(new NetworkException(NetworkError.ConnectionReset));
        }

        _readsEnded = true;
        _readsClosed.Complete();
    }

    private Exception Translate(Exception exception, CancellationToken cancellationToken)
    {
        if (IsDisposed)
        {
            return new ObjectDisposedException(GetType().FullName);
        }

        if (exception is OperationCanceledException)
        {
            return new OperationCanceledException(exception.Message, exception, cancellationToken);
        }

        NetworkError error = NetworkErrors.Classify(exception);

        // EPIPE and ENOTCONN without our own shutdown(): the peer's RST came earlier and another call was told.
        if (error is NetworkError.ConnectionAborted or NetworkError.Closed && exception is SocketException && !_writesCompleted && !OperatingSystem.IsWindows())
        {
            error = NetworkError.ConnectionReset;
        }

        return Fail(new NetworkException(error, exception.Message, exception));
    }

    private NetworkException Fail(NetworkException exception)
    {
        NetworkException first = Interlocked.CompareExchange(ref _fault, exception, null) ?? exception;
        _readsClosed.Fail(first);
        _writesClosed.Fail(first);
        return exception;
    }
}
