using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow;

/// <content>The ends: half-close, abort, disposal, and telling an end from an error.</content>
internal sealed partial class LoopConnection
{
    private const int DrainBufferSize = 16 * 1024;
    private const int MostInARow = 16;

    // asm-generic/socket.h
    private const int SolSocket = 1;
    private const int SoError = 4;

    public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        StreamCalls.Enter(ref _writing, in _disposed, this, "A write is pending.");
        try
        {
            if (_writesCompleted)
                return ValueTask.CompletedTask;
            StreamCalls.ThrowIfFaulted(in _fault);
            // Told first: with both FINs passed at once, a concurrent read finds the connection in CLOSE before shutdown() has returned.
            _writesCompleting = true;
            ShutDown();
            _writesCompleted = true;
            _writesClosed.Complete();
            return ValueTask.CompletedTask;
        }
        catch (SocketException exception)
        {
            throw Fail(new NetworkException(NetworkErrors.Classify(exception), exception.Message, exception));
        }
        catch (ObjectDisposedException)
        {
            throw new ObjectDisposedException(GetType().FullName);
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    public override void AbortReads()
    {
        if (IsDisposed || Interlocked.Exchange(ref _readsAborted, 1) != 0)
            return;
        bool ended = _readsEnded;
        _readsClosed.Complete();
        if (!ended)
            _ = DrainAsync();
    }

    public override void Abort()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Close(abortive: true);
    }

    protected override void Dispose(bool disposing)
    {
        // A write that is cut short must not look like a complete stream to the peer, and neither must a stream whose answer nobody read.
        if (disposing && Interlocked.Exchange(ref _disposed, 1) == 0)
            Close(abortive: Volatile.Read(ref _writing) != 0 || HasUnreadData());
        base.Dispose(disposing);
    }

    private void Close(bool abortive)
    {
        _loop.Remove(_id);
        // Stays readable.
        _local ??= FindLocal();
        try
        {
            if (abortive)
                _socket.LingerState = new LingerOption(enable: true, seconds: 0);
            else if (!_writesCompleted)
                ShutDown();
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Already disconnected: there is nobody left to tell.
        }

        _socket.Dispose();
        _readSignal.Set();
        _writeSignal.Set();
        _readsClosed.Complete();
        _writesClosed.Complete();
    }

    private void ShutDown()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.NotConnected)
        {
            // The peer's RST came earlier: whoever reads is told of it, behind what came before.
        }
    }

    private bool HasUnreadData()
    {
        if (HasNoMoreReads)
            return false;
        try
        {
            return _socket.Available > 0;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return false; // without a connection there is nothing to read
        }
    }

    /// <summary>Reads and forgets what the peer still sends, so that its sending isn't stalled by a full window. A pending read is let go first, and its end awaited.</summary>
    private async Task DrainAsync()
    {
        try
        {
            _readSignal.Set();
            while (Interlocked.CompareExchange(ref _reading, 1, 0) != 0)
            {
                _readSignal.Set();
                await Task.Yield();
            }

            byte[] buffer = ArrayPool<byte>.Shared.Rent(DrainBufferSize);
            try
            {
                int received;
                for (int turn = 1; (received = IsDisposed ? 0 : Receive(buffer)) != 0; turn++)
                {
                    if (received < 0)
                        await _readSignal.WaitAsync(CancellationToken.None).ConfigureAwait(false);
                    else if (turn % MostInARow == 0)
                        await Task.Yield(); // a peer that sends without end must not keep the loop's thread
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
        catch (Exception exception) when (exception is NetworkException or ObjectDisposedException)
        {
            // Nobody waits for this loop; a broken connection was stored for the writer.
        }
    }

    /// <summary>Asked of the kernel: a <see cref="Socket"/> knows only what was bound or connected through it.</summary>
    private unsafe IPEndPoint? FindLocal()
    {
        SocketAddress address = new(AddressFamily.InterNetworkV6);
        uint size = (uint)address.Size;
        try
        {
            fixed (byte* bytes = address.Buffer.Span)
            {
                if (SocketCalls.GetName(_handle, bytes, &size) < 0)
                    return null;
            }
        }
        catch (ObjectDisposedException)
        {
            return null; // not known any more
        }

        return (IPEndPoint)((IPEndPoint)RemoteEndPoint!).Create(address);
    }

    private int TakeError()
    {
        Span<byte> errno = stackalloc byte[sizeof(int)];
        _socket.GetRawSocketOption(SolSocket, SoError, errno);
        return MemoryMarshal.Read<int>(errno);
    }

    private void EndOfReads()
    {
        // If a concurrent write took the RST's error, this read sees 0, an end that the peer never sent. Only a connection whose FINs both
        // passed may be in CLOSE, and ours didn't: looked at after the state, because it may leave just now.
        if (!IsDisposed && LinuxTcpState.IsClosed(_socket) && !_writesCompleting)
            throw Fail(new NetworkException(NetworkError.ConnectionReset));
        _readsEnded = true;
        _readsClosed.Complete();
    }

    private Exception Failed(int errno)
    {
        if (IsDisposed)
            return new ObjectDisposedException(GetType().FullName);
        NetworkError error = Errno.Classify(errno);
        // EPIPE and ENOTCONN without our own shutdown(): the peer's RST came earlier and another call was told.
        if (errno is Errno.BrokenPipe or Errno.NotConnected && !_writesCompleted)
            error = NetworkError.ConnectionReset;
        return Fail(new NetworkException(error, $"{Errno.Describe(errno)}.", errno));
    }

    private NetworkException Fail(NetworkException exception)
    {
        NetworkException first = Interlocked.CompareExchange(ref _fault, exception, null) ?? exception;
        _readsClosed.Fail(first);
        _writesClosed.Fail(first);
        return exception;
    }
}
