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
                await SendCloseNotifyAsync(cancellationToken).ConfigureAwait(false);
                break;
            default:
                await _stream.FlushAsync(cancellationToken).ConfigureAwait(false);
                break;
        }
    }

    private async ValueTask SendCloseNotifyAsync(CancellationToken cancellationToken)
    {
        Task sent = StartCloseNotify();
        if (sent.IsCompleted)
        {
            await sent.ConfigureAwait(false);
            return;
        }

        // It waits for a pending read to leave and for room in the transport, which may be for ever: the caller's token and closing end the wait.
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        await sent.WaitAsync(stop.Token).ConfigureAwait(false);
    }

    private Task StartCloseNotify()
    {
        if (_closeNotify is null)
        {
            _closeNotify = _tls!.ShutdownAsync();
            Observe(_closeNotify);
        }

        return _closeNotify;
    }

    /// <summary>Whoever waits for the task sees its error; if nobody does it isn't an unobserved one.</summary>
    private static void Observe(Task? task) =>
        task?.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

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
            await goodbye.WaitAsync(_options.Linger, _options.TimeProvider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!goodbye.IsCompleted)
            {
                // The peer never took it all: it must not see an end.
                Reset();
            }
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        Close(failure);
    }

    private void Close(Exception? failure)
    {
        Dispose(_stream, ref failure);
        Dispose(_options.Transport, ref failure);
        Observe(_background);

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

    private static void Dispose(Stream? stream, ref Exception? failure)
    {
        try
        {
            stream?.Dispose();
        }
        catch (Exception exception)
        {
            failure ??= exception;
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
                return StartCloseNotify();
            default:
                return null;
        }
    }

    private void Reset()
    {
        if (_options.Abort is { } abort)
        {
            try
            {
                abort();
            }
            catch
            {
                // Disposing the transport would be an orderly end.
                _options.Transport?.Abort();
                throw;
            }
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
