using System.Net.Security;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <content>Half-closing and closing, as far as the stream's type tells how.</content>
internal sealed partial class AdaptedStreamConnection
{
    private async ValueTask HalfCloseAsync(CancellationToken cancellationToken)
    {
        await EndStreamAsync(cancellationToken).ConfigureAwait(false);
        if (_options.Transport is { } transport)
        {
            await transport.CompleteWritesAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask EndStreamAsync(CancellationToken cancellationToken)
    {
        if (_options.CompleteWrites is { } completeWrites)
        {
            await completeWrites(cancellationToken).ConfigureAwait(false);
            return;
        }

        switch (_stream)
        {
            case StreamConnection connection:
                await connection.CompleteWritesAsync(cancellationToken).ConfigureAwait(false);
                break;
            case NetworkStream network:
                network.Socket.Shutdown(SocketShutdown.Send);
                break;
            case SslStream:
                await _tls!.ShutdownAsync().ConfigureAwait(false);
                break;
            default:
                await _stream.FlushAsync(cancellationToken).ConfigureAwait(false);
                break;
        }
    }

    private void End(bool abortive)
    {
        Exception? failure = null;
        Task? goodbye = null;
        try
        {
            if (abortive)
            {
                Reset();
            }
            else
            {
                goodbye = SayGoodbye();
            }
        }
        catch (Exception exception)
        {
            // Foreign code: whatever it throws, the stream is closed and who waits is let go. The tasks tell.
            failure = exception;
        }

        _readsStopped.TrySetResult();
        _closing.Cancel();
        if (goodbye is null || goodbye.IsCompleted)
        {
            _ = goodbye?.Exception;
            Close(failure);
        }
        else
        {
            _ = CloseAfterAsync(goodbye);
        }
    }

    private async Task CloseAfterAsync(Task goodbye)
    {
        Exception? failure = null;
        try
        {
            Task ended = await Task.WhenAny(goodbye, Task.Delay(_options.Linger, _options.TimeProvider, CancellationToken.None)).ConfigureAwait(false);
            if (ended != goodbye)
            {
                // The peer never took it all: it must not see an end.
                Reset();
            }

            _ = goodbye.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        Close(failure);
    }

    private void Close(Exception? failure)
    {
        try
        {
            _stream.Dispose();
            _options.Transport?.Dispose();
        }
        catch (Exception exception)
        {
            failure ??= exception;
        }

        _ = _background?.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

        // A transport that is gone already can't be told anything, which is no news to who closes it.
        if (failure is null or IOException or SocketException or ObjectDisposedException)
        {
            _readsClosed.Complete();
            _writesClosed.Complete();
        }
        else
        {
            NetworkException wrapped = NetworkErrors.Wrap(failure);
            _readsClosed.Fail(wrapped);
            _writesClosed.Fail(wrapped);
        }
    }

    /// <summary>Does what has to be done before a stream is disposed so that the peer sees an end.</summary>
    private Task? SayGoodbye()
    {
        switch (_stream)
        {
            case NetworkStream network when _readsEnded || Volatile.Read(ref _readsAborted) != 0 || network.Socket.Available == 0:
                // Without the shutdown System.Net.Sockets turns closing into an RST when a read is pending.
                network.Socket.Shutdown(SocketShutdown.Send);
                return null;
            case NetworkStream:
                Reset();
                return null;
            case SslStream { IsAuthenticated: true } when !_writesCompleted:
                return _tls!.ShutdownAsync();
            default:
                return null;
        }
    }

    private void Reset()
    {
        if (_options.Abort is { } abort)
        {
            abort();
        }
        else if (_options.Transport is { } transport)
        {
            transport.Abort();
        }
        else if (_stream is StreamConnection connection)
        {
            connection.Abort();
        }
        else if (_stream is NetworkStream network)
        {
            network.Socket.LingerState = new LingerOption(enable: true, seconds: 0);
            network.Socket.Close(0);
        }
    }

    /// <summary>Whether received bytes are known to be left. Called at disposal.</summary>
    private bool HasUnreadData()
    {
        if (_readsEnded || Volatile.Read(ref _readsAborted) != 0 || Interlocked.CompareExchange(ref _reading, 1, 0) != 0)
        {
            return false;
        }

        try
        {
            if (_aheadEnd > _aheadStart || (!CanWaitForData && _background is { IsCompletedSuccessfully: true, Result: > 0 }))
            {
                return true;
            }

            // Only a read tells data from the end. Where the transport would take a pending read for a reason to reset, it is risked only if one knows of something.
            return _stream is SslStream && _background is null && (_waited || _options.Transport is not null) && ReadNow() > 0;
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }

    private int ReadNow()
    {
        Task<int> read = ReadStreamAsync(new byte[1]);
        if (read.IsCompletedSuccessfully)
        {
            return read.Result;
        }

        _background = read;
        return 0;
    }
}
